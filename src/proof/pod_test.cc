#include "proof/pod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;

// A pod of a StatefulSet, as the API answers, without what nobody reads here.
constexpr const char* kPod = R"({
  "metadata": {"name": "postgres-0", "uid": "u1", "ownerReferences": [
    {"kind": "Other", "name": "x"},
    {"kind": "StatefulSet", "name": "postgres", "controller": true}]},
  "spec": {"nodeName": "node-1",
    "volumes": [
      {"name": "data", "persistentVolumeClaim": {"claimName": "data-postgres-0"}},
      {"name": "run", "emptyDir": {}},
      {"name": "disk", "hostPath": {"path": "/x"}},
      {"name": "token", "projected": {"sources": []}},
      {"name": "conf", "configMap": {"name": "c"}}],
    "containers": [
      {"name": "exporter", "volumeMounts": [{"name": "run", "mountPath": "/var/run"}]},
      {"name": "postgres", "volumeMounts": [
        {"name": "run", "mountPath": "/var/lib"},
        {"name": "data", "mountPath": "/var/lib/postgresql/data/"},
        {"name": "disk", "mountPath": "/var/lib/postgresql/database"}]}]},
  "status": {"phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}, {"ip": "fd00::3"}],
    "conditions": [{"type": "Initialized", "status": "False"}, {"type": "Ready", "status": "True"}]}
})";

Pod pod_of(std::string_view text) {
  const auto pod = parse_pod(*parse_json(text));
  EXPECT_TRUE(pod) << text;
  return pod.value_or(Pod());
}

TEST(PodTest, IsWhatTheApiTells) {
  const Pod pod = pod_of(kPod);
  EXPECT_EQ(pod.name, "postgres-0");
  EXPECT_EQ(pod.uid, "u1");
  EXPECT_EQ(pod.node, "node-1");
  EXPECT_EQ(pod.owner, "StatefulSet/postgres");
  EXPECT_THAT(pod.addresses, ElementsAre("10.1.2.3", "fd00::3"));
  EXPECT_TRUE(pod.running && pod.ready);
  EXPECT_FALSE(pod.ending);
}

TEST(PodTest, VolumesThatOnlyConfigureItAreLeftOut) {
  const Pod pod = pod_of(kPod);
  std::vector<std::string> kinds;
  for (const PodVolume& one : pod.volumes) kinds.push_back(one.kind);
  EXPECT_THAT(kinds, ElementsAre("persistentVolumeClaim", "emptyDir", "hostPath"));
  EXPECT_EQ(pod.find_claim("data-postgres-0")->name, "data");
  EXPECT_EQ(pod.find_claim("other"), nullptr);
}

TEST(PodTest, TheDeepestMountHoldsTheData) {
  const std::pair<const char*, const char*> places[] = {{"/var/lib/postgresql/data", "data"},
                                                        {"/var/lib/postgresql/data/pgdata", "data"},
                                                        {"/var/lib/postgresql/database", "disk"},
                                                        {"/var/lib/postgresql/datamore", "run"},
                                                        {"/var/lib/other", "run"}};
  for (const auto& [folder, volume] : places) {
    Pod pod = pod_of(kPod);
    const PodVolume* const found = pod.find_data(folder);
    ASSERT_NE(found, nullptr) << folder;
    EXPECT_EQ(found->name, volume) << folder;
    EXPECT_TRUE(found->holds_data);
  }
  Pod pod = pod_of(kPod);
  EXPECT_EQ(pod.find_data("/srv/postgres"), nullptr) << "the container's own file system";
}

TEST(PodTest, OneThatIsBeingDeletedIsEnding) {
  EXPECT_TRUE(pod_of(R"({"metadata": {"name": "a", "uid": "b",
                         "deletionTimestamp": "2026-11-20T00:00:00Z"}})")
                  .ending);
}

TEST(PodTest, WhatIsNoPodIsNone) {
  for (const char* text : {"[]", "{}", "1", R"({"metadata": []})", R"({"metadata": {"name": "a"}})",
                           R"({"metadata": {"name": 1, "uid": 2}})"})
    EXPECT_FALSE(parse_pod(*parse_json(text))) << text;
}

TEST(PodTest, WhatIsOfAnotherFormIsLeftOut) {
  const Pod pod = pod_of(R"({"metadata": {"name": "a", "uid": "b", "ownerReferences": {}},
    "spec": {"volumes": "x", "containers": [1, {"volumeMounts": {}}]}, "status": []})");
  EXPECT_TRUE(pod.volumes.empty() && pod.mounts.empty() && pod.addresses.empty());
  EXPECT_FALSE(pod.running || pod.ready);
}

TEST(PodTest, ItsPartsAreBounded) {
  json::array many(10'000, json::value{{"name", "v"}, {"emptyDir", json::object()}});
  const json::value value{{"metadata", {{"name", std::string(10'000, 'n')}, {"uid", "\x01"}}},
                          {"spec", {{"volumes", std::move(many)}}}};
  const auto pod = parse_pod(value);
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->volumes.size(), kMostPodParts);
  EXPECT_LE(pod->name.size(), 260U);
  EXPECT_EQ(pod->uid, "\\x01");
}

}  // namespace
}  // namespace vigie::proof
