#include "platform/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/encoding.h"
#include "platform/log.h"
#include "tests/support/temp_folder.h"

namespace vigie::platform {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempFolder;

constexpr const char* kToken = "canary-token-7d1f0c";

// A kubeconfig whose cluster and user are these mappings.
std::string kubeconfig(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\npreferences: {}\n"
         "contexts:\n- {name: other, context: {cluster: x, user: x}}\n"
         "- {name: here, context: {cluster: c, user: u, namespace: db}}\n"
         "clusters:\n- {name: x, cluster: {}}\n- {name: c, cluster: {" +
         cluster + "}}\nusers:\n- {name: u, user: {" + user + "}}\n";
}
const std::string kServer = "server: 'https://10.0.0.1:6443/'";
const std::string kUser = std::string("token: ") + kToken;

std::string refused(const std::string& cluster, const std::string& user) {
  const auto found = parse_kubeconfig(kubeconfig(cluster, user), "k");
  if (found) return "nothing is refused";
  EXPECT_EQ(found.error().code(), ErrorCode::config_value);
  const std::string words = found.error().detail(Audience::operators);
  EXPECT_THAT(words, Not(HasSubstr(kToken)));
  return words;
}

TEST(KubeconfigTest, IsWhatItsCurrentContextSays) {
  const auto found =
      parse_kubeconfig(kubeconfig(kServer + ", certificate-authority: ca.crt", kUser), "k");
  ASSERT_TRUE(found) << found.error().detail(Audience::operators);
  EXPECT_EQ(found->server, "https://10.0.0.1:6443");
  EXPECT_EQ(found->name_space, "db");
  EXPECT_EQ(found->authority.file, "ca.crt");
  EXPECT_EQ(found->token.content.reveal(), kToken);
  EXPECT_FALSE(found->certificate.given());
}

TEST(KubeconfigTest, DataComesBeforeAFile) {
  const std::string data = base64_encode(as_bytes("PEM"));
  const auto found = parse_kubeconfig(kubeconfig(kServer, "client-certificate-data: " + data +
                                                              ", client-certificate: a, "
                                                              "client-key: b, client-key-data: " +
                                                              data),
                                      "k");
  ASSERT_TRUE(found) << found.error().detail(Audience::operators);
  EXPECT_EQ(found->certificate.content.reveal(), "PEM");
  EXPECT_EQ(found->key.content.reveal(), "PEM");
}

TEST(KubeconfigTest, RefusesWhatWouldRunAProgramOrActAsSomebodyElse) {
  EXPECT_THAT(refused(kServer, "exec: {command: aws}"), HasSubstr("no program is run"));
  EXPECT_THAT(refused(kServer, "auth-provider: {name: gcp}"), HasSubstr("no provider is asked"));
  EXPECT_THAT(refused(kServer, kUser + ", as: system:admin"), HasSubstr("acts as nobody else"));
  EXPECT_THAT(refused(kServer, "username: a, password: b"), HasSubstr("username"));
}

TEST(KubeconfigTest, RefusesAServerThatIsNotVerified) {
  EXPECT_THAT(refused(kServer + ", insecure-skip-tls-verify: true", kUser),
              HasSubstr("always verified"));
  EXPECT_TRUE(
      parse_kubeconfig(kubeconfig(kServer + ", insecure-skip-tls-verify: false", kUser), "k"));
  for (const char* url : {"http://10.0.0.1", "https://", "https:///x", "https://a:b@h", "ftp://h",
                          "https://h?token=x", "https://h/#x", "'https://h h'"})
    EXPECT_THAT(refused(std::string("server: ") + url, kUser), HasSubstr("https://HOST:PORT"))
        << url;
}

TEST(KubeconfigTest, RefusesCredentialsThatAreNoneOrHalf) {
  EXPECT_THAT(refused(kServer, ""), HasSubstr("a token, tokenFile or client certificate"));
  EXPECT_THAT(refused(kServer, "client-certificate: a"), HasSubstr("both"));
  EXPECT_THAT(refused(kServer, "client-key-data: '%%%%', client-certificate: a"),
              HasSubstr("base64"));
}

TEST(KubeconfigTest, SaysWhatIsNotThere) {
  for (const char* text : {"", "a: b", "current-context: x\ncontexts: []\n",
                           "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"}) {
    const auto found = parse_kubeconfig(text, "k");
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().info().verdict, Verdict::could_not_verify);
  }
  EXPECT_EQ(parse_kubeconfig("a: [", "k").error().code(), ErrorCode::config_invalid);
}

class KubernetesAccessTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text, int mode = 0600) {
    std::ofstream(folder_ / name) << text;
    std::filesystem::permissions(folder_ / name, std::filesystem::perms(mode));
  }
  TempFolder folder_;
  FileSystem& files_ = real_file_system();
};

TEST_F(KubernetesAccessTest, ReadsWhatTheKubeconfigNamesBesideIt) {
  write("ca.crt", "the authority", 0644);
  write("token", std::string(kToken) + "\n");
  write("kubeconfig", kubeconfig(kServer + ", certificate-authority: ca.crt", "tokenFile: token"));
  const auto access = read_kubeconfig(files_, folder_ / "kubeconfig");
  ASSERT_TRUE(access) << access.error().detail(Audience::operators);
  EXPECT_EQ(access->authority, "the authority");
  EXPECT_EQ(access->token.reveal(), kToken);
  EXPECT_FALSE(known_secrets().clean(std::string("a ") + kToken)) << "it stays out of the log";
}

TEST_F(KubernetesAccessTest, ATokenInTheKubeconfigStaysOutOfTheLogAlone) {
  write("kubeconfig", kubeconfig(kServer, "token: another-canary-55"));
  ASSERT_TRUE(read_kubeconfig(files_, folder_ / "kubeconfig"));
  EXPECT_FALSE(known_secrets().clean("it is another-canary-55."));
}

TEST_F(KubernetesAccessTest, AKubeconfigIsASecretFile) {
  write("kubeconfig", kubeconfig(kServer, kUser), 0644);
  EXPECT_EQ(read_kubeconfig(files_, folder_ / "kubeconfig").error().code(),
            ErrorCode::secret_file_mode);
  EXPECT_EQ(read_kubeconfig(files_, folder_ / "none").error().code(),
            ErrorCode::secret_file_missing);
  write("large", std::string(kKubeconfigBytes.count + 1, '#'));
  EXPECT_EQ(read_kubeconfig(files_, folder_ / "large").error().code(), ErrorCode::limit_exceeded);
}

// As the kubelet mounts it: files are links through a link.
TEST_F(KubernetesAccessTest, APodFindsItsAccountInItself) {
  std::filesystem::create_directory(folder_ / "..2026");
  std::filesystem::create_directory_symlink("..2026", folder_ / "..data");
  write("..data/ca.crt", "the authority", 0644);
  write("..data/token", "rotating-canary\n", 0644);
  write("..data/namespace", "db", 0644);
  for (const char* name : {"ca.crt", "token", "namespace"})
    std::filesystem::create_symlink(std::string("..data/") + name, folder_ / name);
  const auto access = read_service_account(files_, {"fd00::1", "443", folder_.path()});
  ASSERT_TRUE(access) << access.error().detail(Audience::operators);
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
  EXPECT_EQ(access->name_space, "db");
  EXPECT_EQ(access->token.reveal(), "rotating-canary");
  EXPECT_FALSE(known_secrets().clean("rotating-canary"));
}

TEST_F(KubernetesAccessTest, OutsideOfAPodThereIsNone) {
  const auto access = read_service_account(files_, {"", "", folder_.path()});
  ASSERT_FALSE(access);
  EXPECT_THAT(access.error().detail(Audience::everybody), HasSubstr("in no pod"));
}

}  // namespace
}  // namespace vigie::platform
