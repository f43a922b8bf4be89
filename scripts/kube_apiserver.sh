#!/bin/bash
# etcd and a kube-apiserver before it, on loopback, in FOLDER:
#   kube_apiserver.sh BINDIR FOLDER ETCD_PORT ETCD_PEER_PORT API_PORT
# There are no nodes and no controllers: what they would do, a test does. Makes FOLDER/kubeconfig, of an administrator by
# a client certificate, and FOLDER/ready when the API answers; runs until it is killed, with all that it has started.
set -eu
bin=$1 folder=$2 etcd=$3 peer=$4 api=$5
umask 077
cd "$folder"
ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)

# NAME SUBJECT EXTENSIONS: NAME.key and NAME.crt, of the one authority.
certificate() {
  openssl req -new "${ec[@]}" -subj "$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile <(printf '%b' "$3") -out "$1.crt" 2>/dev/null
}
openssl req -x509 "${ec[@]}" -days 2 -subj /CN=test -keyout ca.key -out ca.crt 2>/dev/null
certificate api /CN=kube-apiserver 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n'
certificate admin /O=system:masters/CN=admin 'extendedKeyUsage=clientAuth\n'
openssl genrsa -out accounts.key 2048 2>/dev/null
openssl rsa -in accounts.key -pubout -out accounts.pub 2>/dev/null
cat >kubeconfig <<EOT
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:$api", certificate-authority: ca.crt}}]
users: [{name: admin, user: {client-certificate: admin.crt, client-key: admin.key}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
EOT

"$bin/etcd" --name t --data-dir etcd --unsafe-no-fsync --listen-client-urls "http://127.0.0.1:$etcd" \
  --advertise-client-urls "http://127.0.0.1:$etcd" --listen-peer-urls "http://127.0.0.1:$peer" \
  --initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "t=http://127.0.0.1:$peer" >etcd.log 2>&1 &
"$bin/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd" --bind-address=127.0.0.1 --secure-port="$api" \
  --tls-cert-file=api.crt --tls-private-key-file=api.key --client-ca-file=ca.crt \
  --service-account-key-file=accounts.pub --service-account-signing-key-file=accounts.key \
  --service-account-issuer=https://kubernetes.default.svc --api-audiences=https://kubernetes.default.svc \
  --service-cluster-ip-range=10.0.0.0/24 --authorization-mode=RBAC --endpoint-reconciler-type=none \
  --disable-admission-plugins=ServiceAccount --cert-dir=certs >apiserver.log 2>&1 &

until curl -sS --fail -o /dev/null --cacert ca.crt --cert admin.crt --key admin.key "https://127.0.0.1:$api/readyz" 2>/dev/null; do sleep 0.2; done
touch ready
wait -n
