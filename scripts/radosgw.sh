#!/bin/bash
# A Ceph of one monitor and one OSD that keeps everything in memory, and a radosgw before it, on loopback, in FOLDER:
#   radosgw.sh FOLDER MONITOR_PORT S3_PORT ACCESS_KEY SECRET_KEY BUCKET…
# Makes FOLDER/ready when S3 answers and the buckets are there; runs until it is killed, with all that it has started. A
# second key, READER and the same secret, may list and read the buckets and nothing else.
# The keys are for tests alone: they are in argv.
set -eu
folder=$1 monitor_port=$2 s3_port=$3 access_key=$4 secret_key=$5
shift 5
cd "$folder"
export CEPH_CONF=$folder/ceph.conf
cluster_id=$(cat /proc/sys/kernel/random/uuid)
osd_id=$(cat /proc/sys/kernel/random/uuid)

# radosgw asks for an encrypted connection to the monitor, which there is not without keys: ms mon client mode.
# Without the paxos settings each change of a pool takes a second.
cat > ceph.conf <<EOT
[global]
fsid = $cluster_id
mon host = [v2:127.0.0.1:$monitor_port]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
ms mon client mode = crc
auth cluster required = none
auth service required = none
auth client required = none
paxos propose interval = 0.02
paxos min wait = 0.01
run dir = $folder
admin socket =
pid file =
log file = $folder/\$name.log
mon cluster log file = $folder/cluster.log
crash dir = $folder
mon data = $folder/mon
mon allow pool size one = true
mon max pg per osd = 1000
osd data = $folder/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$s3_port
rgw thread pool size = 32
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable quota threads = false
rgw run sync thread = false
debug rgw = 1
EOT

mkdir -p mon osd rgw
monmaptool --create --clobber --fsid "$cluster_id" --addv a "[v2:127.0.0.1:$monitor_port]" monmap >/dev/null
ceph-mon --id a --mkfs --monmap monmap
ceph-mon --id a -f &
ceph --connect-timeout 60 osd new "$osd_id" >/dev/null
ceph-osd --id 0 --mkfs --osd-uuid "$osd_id"
ceph-osd --id 0 -f &
radosgw-admin user create --uid vigie --display-name vigie --access-key "$access_key" --secret-key "$secret_key" >/dev/null
radosgw-admin user create --uid reader --display-name reader --access-key READER --secret-key "$secret_key" >/dev/null
radosgw --name client.admin -f &

until curl -s -o /dev/null "http://127.0.0.1:$s3_port/"; do sleep 0.05; done
put() { # PATH FILE
  curl -sS --fail -T "$2" --aws-sigv4 aws:amz:us-east-1:s3 -u "$access_key:$secret_key" \
    -H "x-amz-content-sha256: $(sha256sum "$2" | cut -d' ' -f1)" "http://127.0.0.1:$s3_port/$1"
}
for bucket; do
  : > empty
  put "$bucket" empty
  cat > policy <<EOT
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/reader"]},
  "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["arn:aws:s3:::$bucket", "arn:aws:s3:::$bucket/*"]}]}
EOT
  put "$bucket?policy=" policy
done
touch ready
wait -n
