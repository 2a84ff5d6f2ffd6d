#include "services/daemon/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "services/daemon/options/values.h"
#include "services/daemon/process.h"
#include "services/daemon/process_metrics.h"
#include "services/daemon/settings_check.h"

namespace vectron {
namespace {

using testing::AllOf;
using testing::HasSubstr;

ConfigSources sources(std::map<std::string, std::string> flags,
                      std::map<std::string, std::string> environment = {},
                      std::string_view file = {}) {
  ConfigSources out;
  out.flags = std::move(flags);
  out.environment = std::move(environment);
  if (!file.empty()) out.file = *parse_config_file("v.conf", file);
  return out;
}

std::string refusal(const ConfigSources& from) {
  const auto resolved = resolve(from);
  return resolved.has_value() ? "" : resolved.error().to_string();
}

TEST(OptionTable, HasEachNameOnceAndSaysWhatEachMeans) {
  std::set<std::string> names;
  for (const Option& option : option_table()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_THAT(option.name, testing::MatchesRegex("[a-z]+(_[a-z]+)*"));
    EXPECT_TRUE(option.meaning.ends_with('.') || option.meaning.ends_with(',')) << option.name;
    EXPECT_NE(option.roles.bits, 0) << option.name;
    EXPECT_FALSE(option.kind().empty());
  }
}

TEST(OptionTable, NamesCarryTheirUnits) {
  for (const Option& option : option_table()) {
    const std::string name = "_" + option.name + "_";
    EXPECT_EQ(option.value.unit == "ms", name.contains("_ms_")) << option.name;
    EXPECT_EQ(option.value.unit == "bytes", name.contains("_bytes_")) << option.name;
  }
}

// What an option shows, it also reads; and every option has a field of its own.
TEST(OptionTable, EveryOptionReadsWhatItShowsAndTouchesNothingElse) {
  const std::map<std::string, std::string> samples = {
      {"a time in ms", "7"},
      {"a size in bytes", "8KiB"},
      {"a number", "5"},
      {"a text", "some text"},
      {"HOST:PORT", "[::1]:9"},
      {"NODE=HOST:PORT,...", "1=a:1,2=b:2"},
      {"true or false", "true"},
      {"debug, info, warning or error", "debug"},
      {"HOST:PORT or none", "[::1]:9"},
      {"names with commas between them", "a,b"},
      {"origins with commas between them", "https://a,*"},
  };
  for (const Option& option : option_table()) {
    std::string kind = option.value.type;
    if (!option.value.unit.empty()) kind += " in " + option.value.unit;
    ASSERT_TRUE(samples.contains(kind)) << kind;
    std::string sample = samples.at(kind);
    Settings settings;
    if (!option.value.read(&settings, sample).has_value()) sample = "2MiB";
    ASSERT_TRUE(option.value.read(&settings, sample).has_value()) << option.name;
    EXPECT_EQ(option.value.show(settings), sample) << option.name;
    const std::string usual = option.value.show(Settings());
    if (!usual.empty()) {
      EXPECT_TRUE(option.value.read(&settings, usual).has_value()) << option.name;
    }
    Settings changed;
    ASSERT_TRUE(option.value.read(&changed, sample).has_value());
    for (const Option& other : option_table()) {
      if (other.name == option.name) continue;
      EXPECT_EQ(other.value.show(changed), other.value.show(Settings()))
          << option.name << " changes " << other.name;
    }
  }
}

TEST(Configuration, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
  const auto resolved =
      resolve(sources({{"node", "1"}}, {{"VECTRON_NODE", "2"}, {"VECTRON_DATA", "/e"}},
                      "node = 3\ndata = /f\nzone = \"a # b\" # comment\n"));
  ASSERT_TRUE(resolved.has_value()) << resolved.error().to_string();
  EXPECT_EQ(resolved->settings.node, NodeId(1));
  EXPECT_EQ(resolved->settings.data, "/e");
  EXPECT_EQ(resolved->settings.worker.zone, "a # b");
  EXPECT_EQ(resolved->origins.at("node"), "--node");
  EXPECT_EQ(resolved->origins.at("data"), "VECTRON_DATA");
  EXPECT_EQ(resolved->origins.at("zone"), "v.conf:3");
  EXPECT_FALSE(resolved->origins.contains("rpc"));
}

TEST(Configuration, NamesTheFileTheLineAndWhatToDo) {
  EXPECT_THAT(refusal(sources({}, {}, "\nheartbeat_intervall_ms = 5\n")),
              AllOf(HasSubstr("v.conf:2"), HasSubstr("\"heartbeat_intervall_ms\""),
                    HasSubstr("is \"heartbeat_interval_ms\" meant?")));
  EXPECT_THAT(refusal(sources({}, {}, "tick_ms = soon")),
              AllOf(HasSubstr("v.conf:1"), HasSubstr("tick_ms"),
                    HasSubstr("a number of milliseconds from 1 to 60000"), HasSubstr("\"soon\"")));
  EXPECT_THAT(refusal(sources({}, {}, "node = 1\n\nnode = 2")),
              AllOf(HasSubstr("v.conf:3"), HasSubstr("line 1")));
}

TEST(Configuration, NamesTheFlagOrTheVariable) {
  EXPECT_THAT(refusal(sources({{"workers", "0"}})),
              AllOf(HasSubstr("--workers"), HasSubstr("1 to 64"), HasSubstr("\"0\"")));
  EXPECT_THAT(refusal(sources({}, {{"VECTRON_RPC", "nowhere"}})),
              AllOf(HasSubstr("VECTRON_RPC"), HasSubstr("HOST:PORT")));
  EXPECT_THAT(refusal(sources({}, {{"VECTRON_PLACEMENT", "1=a:1,1=b:2"}})),
              AllOf(HasSubstr("VECTRON_PLACEMENT"), HasSubstr("twice")));
}

TEST(Configuration, RefusesATimeBelowZeroByTheNameOfItsOption) {
  int times = 0;
  for (const Option& option : option_table()) {
    if (option.value.unit != "ms") continue;
    ++times;
    for (const std::string text : {"-1", "-86400000", "-0"}) {
      SCOPED_TRACE(fmt::format("{} = {}", option.name, text));
      const auto names_it = AllOf(HasSubstr(option.name), HasSubstr("a number of milliseconds"),
                                  HasSubstr(fmt::format("\"{}\"", text)));
      EXPECT_THAT(refusal(sources({{std::string(option.name), text}})),
                  AllOf(names_it, HasSubstr("--")));
      EXPECT_THAT(refusal(sources({}, {{option.variable(), text}})),
                  AllOf(names_it, HasSubstr(option.variable())));
      EXPECT_THAT(refusal(sources({}, {}, fmt::format("{} = {}", option.name, text))),
                  AllOf(names_it, HasSubstr("v.conf:1")));
    }
  }
  EXPECT_GT(times, 10);
}

TEST(Configuration, ChecksAlsoWhatSomethingElseOverrides) {
  EXPECT_THAT(refusal(sources({{"node", "1"}}, {}, "node = none")), HasSubstr("v.conf:1"));
}

TEST(Configuration, OnlyWarnsOfVariablesThatItDoesNotKnow) {
  const auto resolved = resolve(sources({}, {{"VECTRON_SERVICE_HOST", "10.0.0.1"}}));
  ASSERT_TRUE(resolved.has_value());
  ASSERT_EQ(resolved->warnings.size(), 1U);
  EXPECT_THAT(resolved->warnings[0], HasSubstr("VECTRON_SERVICE_HOST"));
}

TEST(Configuration, SaysWhatARoleLacks) {
  Settings settings;
  EXPECT_EQ(check_settings(settings, ServiceId::worker).error().field(), "cluster");
  settings.cluster = ClusterId(1);
  EXPECT_EQ(check_settings(settings, ServiceId::worker).error().field(), "node");
  settings.node = NodeId(1);
  EXPECT_EQ(check_settings(settings, ServiceId::worker).error().field(), "placement");
  settings.members = {{NodeId(1), Address{"a:1"}}};
  EXPECT_TRUE(check_settings(settings, ServiceId::worker).has_value());
  settings.rpc = Address{"0.0.0.0:7"};
  EXPECT_EQ(check_settings(settings, ServiceId::worker).error().field(), "advertise");
  EXPECT_TRUE(check_settings(settings, ServiceId::gateway).has_value());
}

TEST(ConfigFile, RefusesLinesThatSayNothing) {
  EXPECT_THAT(parse_config_file("f", "a = 1\nnonsense\n").error().message(),
              AllOf(HasSubstr("f:2"), HasSubstr("nonsense")));
  EXPECT_FALSE(parse_config_file("f", "= 1").has_value());
  EXPECT_FALSE(parse_config_file("f", "a = \"1").has_value());
  EXPECT_FALSE(parse_config_file("f", "a = 1\"2\"").has_value());
}

RC_GTEST_PROP(ConfigFile, GivesBackEveryKeyAndValue,
              (std::vector<std::pair<uint8_t, uint16_t>> pairs, bool quoted, bool blank)) {
  std::string text;
  for (const auto& [key, value] : pairs) {
    text += fmt::format("{0}key_{1}{0}={0}{2}{3}{2}{0}{4}\n", blank ? " " : "", key,
                        quoted ? "\"" : "", value, blank ? "# x\r\n" : "");
  }
  const auto file = parse_config_file("f", text);
  RC_ASSERT(file.has_value());
  RC_ASSERT(file->lines.size() == pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    RC_ASSERT(file->lines[i].key == fmt::format("key_{}", pairs[i].first));
    RC_ASSERT(file->lines[i].value == fmt::format("{}", pairs[i].second));
  }
}

RC_GTEST_PROP(OptionBytes, ReadsWhatItShows, (uint64_t bytes)) {
  RC_ASSERT(options::parse_bytes(options::show_bytes(bytes)) == bytes);
}

TEST(OptionBytes, RefusesWhatDoesNotFit) {
  EXPECT_EQ(options::parse_bytes("2 MiB"), uint64_t{2} << 20);
  EXPECT_EQ(options::parse_bytes("99999999TiB"), std::nullopt);
  EXPECT_EQ(options::parse_bytes("2MB"), std::nullopt);
  EXPECT_EQ(options::parse_bytes("-1"), std::nullopt);
  EXPECT_EQ(options::parse_bytes(""), std::nullopt);
}

TEST(ListOptions, ShowsValueOriginDefaultAndMeaning) {
  const auto resolved = resolve(sources({}, {}, "tick_ms = 50\n"));
  const std::string all = list_options(*resolved, std::nullopt);
  EXPECT_THAT(all, AllOf(HasSubstr("tick_ms = 50\n    from v.conf:1; the default is 100\n"),
                         HasSubstr("How long one Raft tick is"), HasSubstr("route_bytes_max = 64MiB")));
  const std::string worker = list_options(*resolved, ServiceId::worker);
  EXPECT_THAT(worker, testing::Not(HasSubstr("route_bytes_max")));
}

TEST(ListOptions, ShowsWhereARoleServesHttpWhenNothingIsSaid) {
  const auto usual = resolve(sources({}));
  EXPECT_THAT(list_options(*usual, Role::up),
              HasSubstr("http = 127.0.0.1:8080\n    the default\n"));
  EXPECT_THAT(list_options(*usual, ServiceId::worker), HasSubstr("http = none\n    the default\n"));
  const auto none = resolve(sources({{"http", "none"}}));
  EXPECT_THAT(list_options(*none, Role::up),
              HasSubstr("http = none\n    from --http; the default is 127.0.0.1:8080\n"));
}

TEST(ConfigurationPage, IsMadeFromTheTable) {
  std::ifstream stream(VECTRON_SOURCE_DIR "/docs/configuration.md");
  const std::string page((std::istreambuf_iterator<char>(stream)), {});
  EXPECT_TRUE(page == options_as_markdown()) << "write it anew: vectron config --markdown";
}

TEST(Configuration, SaysHowAValueMayLook) {
  EXPECT_THAT(refusal(sources({{"workers", "0x1"}})), HasSubstr("must be a number of 1 to 64"));
  EXPECT_THAT(refusal(sources({{"frame_bytes_max", "64MB"}})),
              AllOf(HasSubstr("KiB, MiB, GiB or TiB"), HasSubstr("64MB")));
  EXPECT_THAT(refusal(sources({{"http", "::1:8080"}})),
              AllOf(HasSubstr("brackets"), HasSubstr("[::1]:8080")));
  EXPECT_THAT(refusal(sources({{"http", "8080"}})), HasSubstr("must be HOST:PORT, not \"8080\""));
  EXPECT_EQ(refusal(sources({{"http", "*:8080"}})), "");
  // Inside a process nobody connects to it.
  for (const std::string name : {"rpc", "http", "advertise"}) {
    EXPECT_THAT(refusal(sources({{name, "@x:1"}})), HasSubstr("must be HOST:PORT, not \"@x:1\""));
  }
  EXPECT_THAT(refusal(sources({{"placement", "1=@x:1"}})), HasSubstr("must be HOST:PORT"));
}

TEST(Configuration, ASizeThatDoesNotFitAnotherNamesTheOneThatWasSet) {
  const auto configuration = resolve(sources({{"frame_bytes_max", "1GiB"}}));
  ASSERT_TRUE(configuration.has_value());
  const Status status = status_of(check_settings(configuration->settings, Role::up));
  EXPECT_EQ(status.field(), "frame_bytes_max");
  EXPECT_THAT(status.message(), AllOf(HasSubstr("frame_bytes_max is 1GiB"),
                                      HasSubstr("body_bytes_in_flight_max is 256MiB")));
  // What it takes, a gateway takes too.
  for (const char* const frame : {"85MiB", "86MiB", "127MiB"}) {
    const auto near = resolve(sources(
        {{"cluster", "1"}, {"node", "2"}, {"placement", "1=a:1"}, {"frame_bytes_max", frame}}));
    ASSERT_TRUE(near.has_value());
    GatewayConfig gateway = gateway_config(near->settings);
    gateway.incarnation = 1;
    EXPECT_EQ(check_settings(near->settings, ServiceId::gateway).has_value(),
              gateway.validate().has_value())
        << frame;
  }
}

// Nobody can look for an option that is called otherwise inside.
TEST(Configuration, OptionsThatDoNotFitTogetherAreBothNamed) {
  struct Case {
    std::string set, value, other;
  };
  const std::vector<Case> cases = {{"request_timeout_ms", "86400000", "request_timeout_ms_max"},
                                   {"request_timeout_ms_max", "1", "request_timeout_ms"},
                                   {"backoff_ms_min", "86400000", "backoff_ms_max"},
                                   {"backoff_ms_max", "1", "backoff_ms_min"},
                                   {"frame_bytes_max", "4KiB", "write_bytes_max"},
                                   {"heartbeat_ticks", "5000", "election_ticks"},
                                   {"overlay_bytes_max", "1KiB", "flush_bytes_min"},
                                   {"kv_batch_bytes_max", "1MiB", "flush_bytes_max"},
                                   {"wal_segment_bytes_max", "1TiB", "wal_retention_bytes_max"},
                                   {"wal_retention_bytes_max", "4KiB", "wal_segment_bytes_max"},
                                   {"entry_operations_max", "499", "write_points_max"},
                                   {"entry_bytes_max", "1KiB", "write_bytes_max"},
                                   {"entry_bytes_max", "1055KiB", "write_bytes_max"}};
  for (const Case& set : cases) {
    const auto configuration = resolve(sources({{set.set, set.value}}));
    ASSERT_TRUE(configuration.has_value()) << set.set;
    const Status status = status_of(check_settings(configuration->settings, Role::up));
    EXPECT_EQ(status.code(), Code::invalid_argument) << set.set;
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr(set.set + " is "), HasSubstr(set.other + " is ")));
    EXPECT_THAT(status.field(), testing::AnyOf(set.set, set.other));
  }
  EXPECT_TRUE(check_settings(Settings(), Role::up).has_value());
  // An entry is stored by one commit, with something added for every operation.
  const auto narrow =
      resolve(sources({{"kv_batch_bytes_max", "3MiB"}, {"flush_bytes_max", "1MiB"}}));
  ASSERT_TRUE(narrow.has_value());
  const Status status = status_of(check_settings(narrow->settings, Role::up));
  EXPECT_EQ(status.field(), "entry_operations_max");
  EXPECT_THAT(status.message(), HasSubstr("kv_batch_bytes_max is 3MiB"));
}

std::vector<std::string> extremes_of(const Option& option) {
  std::vector<std::string> out = {"1", "2", "4097", "300001", "1KiB", "1MiB", "1GiB", "x y"};
  std::string range = option.value.range;
  const std::string_view least = "at least ";
  if (range.starts_with(least)) range.erase(0, least.size());
  const size_t middle = range.find(" to ");
  out.push_back(range.substr(0, middle));
  if (middle != std::string::npos) out.push_back(range.substr(middle + 4));
  return out;
}

// A value that no part of the process takes is refused under the name that its user gave, before
// anything is made: what passes here, the parts take.
TEST(Configuration, WhatNoPartTakesIsNamedAsItWasSet) {
  const std::map<std::string, std::string> identity = {
      {"cluster", "1"}, {"node", "1"}, {"placement", "1=a:1"}, {"advertise", "a:2"}};
  for (const Option& option : option_table()) {
    if (identity.contains(option.name)) continue;
    for (const Role role : all_roles()) {
      if (!option.roles.has(role)) continue;
      for (const std::string& value : extremes_of(option)) {
        std::map<std::string, std::string> flags = identity;
        flags[option.name] = value;
        const auto configuration = resolve(sources(flags));
        if (!configuration.has_value()) continue;
        const Status status = status_of(check_settings(configuration->settings, role));
        const std::string set =
            fmt::format("{} = {} of {}: {}", option.name, value, role.name(), status.to_string());
        if (!status.ok()) {
          EXPECT_THAT(status.message(), HasSubstr(option.name)) << set;
          EXPECT_NE(find_option(status.field()), nullptr) << set;
          continue;
        }
        const Settings& settings = configuration->settings;
        GatewayConfig gateway = gateway_config(settings);
        gateway.incarnation = 1;
        Status taken;
        if (role == ServiceId::placement) taken = status_of(placement_config(settings).validate());
        if (role == ServiceId::worker) taken = status_of(worker_config(settings).validate());
        if (role == ServiceId::gateway) taken = status_of(gateway.validate());
        EXPECT_TRUE(taken.ok()) << set << taken.to_string();
      }
    }
  }
}

TEST(Configuration, WhatAPartRefusesSaysTheOptionAndItsValue) {
  const auto said = [](Role role, std::map<std::string, std::string> flags) {
    flags.insert({{"cluster", "1"}, {"node", "9"}, {"placement", "9=a:1"}});
    const auto configuration = resolve(sources(flags));
    return status_of(check_settings(configuration->settings, role));
  };
  for (const Role role : {Role::up, Role(ServiceId::placement), Role(ServiceId::worker)}) {
    const Status start = said(role, {{"kv_map_bytes_start", "300001"}});
    EXPECT_EQ(start.field(), "kv_map_bytes_start");
    EXPECT_THAT(start.message(),
                AllOf(HasSubstr("kv_map_bytes_start is 300001"), HasSubstr("a multiple of 4096")));
  }
  for (const Role role : all_roles()) {
    const Status hosts = said(role, {{"http_hosts", "a/b"}});
    EXPECT_EQ(hosts.field(), "http_hosts") << role.name();
    EXPECT_THAT(hosts.message(), HasSubstr("http_hosts is a/b"));
  }
  const Status origins = said(Role::up, {{"http_origins", "app.example"}});
  EXPECT_THAT(origins.message(), HasSubstr("http_origins is app.example"));
  const Status stranger = said(ServiceId::placement, {{"node", "8"}});
  EXPECT_EQ(stranger.field(), "placement");
  EXPECT_THAT(stranger.message(), HasSubstr("does not name node 8"));
  EXPECT_TRUE(said(ServiceId::worker, {{"node", "8"}}).ok());
  const Status many =
      said(ServiceId::worker, {{"placement", "1=a:1,2=a:2,3=a:3,4=a:4,5=a:5,6=a:6,7=a:7,8=a:8"}});
  EXPECT_THAT(many.message(), HasSubstr("names 8 nodes"));
}

// What one turn of an event loop does not take is no option's value. Files of before start all the
// same, those with the old defaults above all.
TEST(Configuration, WhatWouldHoldAnEventLoopIsLoweredWithAWarning) {
  struct Case {
    std::string option, before, now;
  };
  const std::vector<Case> cases = {{"entry_bytes_max", "8MiB", "1344KiB"},
                                   {"entry_operations_max", "10000", "500"},
                                   {"write_bytes_max", "4MiB", "1MiB"},
                                   {"append_bytes_max", "1MiB", "256KiB"},
                                   {"snapshot_chunk_bytes_max", "2MiB", "1MiB"}};
  ConfigSources all;
  for (const Case& set : cases) {
    const auto resolved = resolve(sources({{set.option, set.before}}));
    ASSERT_TRUE(resolved.has_value()) << set.option;
    EXPECT_EQ(find_option(set.option)->value.show(resolved->settings), set.now);
    ASSERT_EQ(resolved->warnings.size(), 1U) << set.option;
    for (const std::string& part : {set.option, set.before, set.now}) {
      EXPECT_THAT(resolved->warnings[0], HasSubstr(part));
    }
    all.flags[set.option] = set.before;
  }
  EXPECT_TRUE(check_settings(resolve(all)->settings, Role::up).has_value());
}

TEST(Configuration, WhatNoProgramTookIsRefused) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"entry_bytes_max", "9MiB"},   {"entry_operations_max", "1000001"},
      {"write_points_max", "501"},   {"write_bytes_max", "9MiB"},
      {"append_bytes_max", "33MiB"}, {"snapshot_chunk_bytes_max", "33MiB"}};
  for (const auto& [option, value] : cases) {
    const Status status = status_of(resolve(sources({{option, value}})));
    EXPECT_EQ(status.code(), Code::invalid_argument) << option;
    EXPECT_THAT(status.message(), HasSubstr(option));
  }
}

TEST(Configuration, HttpIsOnLoopbackByDefaultForUpAlone) {
  const Settings usual;
  EXPECT_EQ(http_of(usual, Role::up)->text, "127.0.0.1:8080");
  EXPECT_FALSE(http_of(usual, ServiceId::worker).has_value());
  const auto none = resolve(sources({{"http", "none"}}));
  EXPECT_FALSE(http_of(none->settings, Role::up).has_value());
  const auto other = resolve(sources({{"http", "localhost:1"}}));
  EXPECT_EQ(http_of(other->settings, Role::up)->text, "localhost:1");
  EXPECT_EQ(http_of(other->settings, ServiceId::worker)->text, "localhost:1");
}

TEST(Configuration, AnAddressToListenAtEverywhereIsNoneToConnectTo) {
  const auto worker = resolve(
      sources({{"cluster", "1"}, {"node", "2"}, {"placement", "1=a:1"}, {"advertise", "*:7000"}}));
  EXPECT_EQ(status_of(check_settings(worker->settings, ServiceId::worker)).field(), "advertise");
  const auto members =
      resolve(sources({{"cluster", "1"}, {"node", "2"}, {"placement", "1=0.0.0.0:1"}}));
  EXPECT_EQ(status_of(check_settings(members->settings, ServiceId::gateway)).field(), "placement");
}

// What passes here must not be refused by what it is for.
TEST(Configuration, AsksForRoomForThreeFrames) {
  const auto room = [](const char* frame, const char* bodies) {
    const auto read = resolve(
        sources({{"frame_bytes_max", frame}, {"body_bytes_in_flight_max", bodies}, {"data", "d"}}));
    return status_of(check_settings(read->settings, Role::up));
  };
  EXPECT_TRUE(room("128MiB", "384MiB").ok()) << room("128MiB", "384MiB").to_string();
  EXPECT_THAT(room("128MiB", "256MiB").message(), HasSubstr("at least 3 times"));
}

TEST(Process, SaysWhatCanBeDoneAboutAnAddressThatIsTaken) {
  const auto said = [](Code code, std::string field) {
    return with_advice(Status(code, "gateway-1: cannot listen", std::move(field))).message();
  };
  EXPECT_EQ(said(Code::unavailable, "http"),
            "gateway-1: cannot listen; choose another with --http, or --http none");
  EXPECT_EQ(said(Code::unavailable, "rpc"), "gateway-1: cannot listen; choose another with --rpc");
  EXPECT_EQ(said(Code::unavailable, ""), "gateway-1: cannot listen");
  EXPECT_EQ(said(Code::data_loss, "http"), "gateway-1: cannot listen");
}

// A start that is refused because another process has the folder takes nothing of that one away.
TEST(Process, LeavesTheReadyFileOfTheOneThatHasTheFolder) {
  std::string folder = testing::TempDir() + "vectron-process-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  Settings settings;
  settings.data = folder + "/data";
  settings.ready_file = folder + "/ready";
  std::ofstream(settings.ready_file) << "vectron is ready\n";
  const ProcessBody body = [](Ground, Disk*, Event*,
                              std::function<void(ReadyAddresses)>) -> Task<Result<void>> {
    co_return Result<void>();
  };
  {
    ProductionPools pools(ProductionPools::Config{1, 1, 1});
    EventLoop loop;
    const auto other = FileDisk::open(loop, {&pools.files, &pools.key_values}, settings.data);
    ASSERT_TRUE(other.has_value()) << other.error().to_string();
    EXPECT_EQ(status_of(run_process(settings, body)).code(), Code::failed_precondition);
    EXPECT_TRUE(std::filesystem::exists(settings.ready_file));
  }
  // One that was killed left a folder that nobody has.
  EXPECT_TRUE(run_process(settings, body).has_value());
  EXPECT_FALSE(std::filesystem::exists(settings.ready_file));
  std::filesystem::remove_all(folder);
}

TEST(ReadyLine, SaysAllAddresses) {
  EXPECT_EQ(ready_line({{Address{"127.0.0.1:1"}}, {}}), "vectron is ready: rpc 127.0.0.1:1");
  EXPECT_EQ(ready_line({{Address{"127.0.0.1:1"}, Address{"[::1]:1"}},
                        {Address{"127.0.0.1:2"}, Address{"[::1]:2"}}}),
            "vectron is ready: rpc 127.0.0.1:1,[::1]:1 http http://127.0.0.1:2,http://[::1]:2");
}

TEST(ProcessMetrics, SayWhatRuns) {
  const std::string text = process_metrics_text();
  for (const char* name :
       {"vectron_build_info{version=\"", "process_cpu_seconds_total",
        "process_resident_memory_bytes", "process_start_time_seconds", "process_open_fds",
        "process_max_fds", "process_threads", "vectron_connections_closed_total{reason=\"still\"}",
        "vectron_connections_closed_total{reason=\"no_room\"}"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name));
  }
}

Task<void> keep_text(ProcessMetrics* metrics, std::vector<std::string>* out) {
  std::string text = co_await metrics->text();
  out->push_back(std::move(text));
}

TEST(ProcessMetrics, AreMadeAwayFromTheLoopAndNotForEachWhoAsks) {
  EventLoop loop;
  ThreadPool files("files", 1);
  const std::thread::id loop_thread = std::this_thread::get_id();
  std::atomic<int> made = 0;
  std::atomic<bool> on_loop = false;
  ProcessMetrics metrics(loop, files, [&] {
    on_loop = on_loop || std::this_thread::get_id() == loop_thread;
    return fmt::format("made {}", ++made);
  });
  std::vector<std::string> told;
  TaskGroup tasks(loop.scheduler());
  for (int i = 0; i < 50; ++i) tasks.spawn(keep_text(&metrics, &told));
  loop.run_until([&told] { return told.size() == 50; });
  EXPECT_THAT(told, testing::Each(testing::StartsWith("made 1")));
  EXPECT_EQ(made, 1);
  EXPECT_FALSE(on_loop);
}

TEST(LoopMetrics, SayHowLongTurnsTook) {
  LoopTurns turns;
  turns.add(std::chrono::microseconds(50));
  turns.add(LoopTurns::kLongTurn);
  turns.add(std::chrono::milliseconds(6));
  turns.add(std::chrono::milliseconds(700));
  const std::string text = loop_metrics_text(turns);
  for (const char* line :
       {"vectron_loop_turn_longest_seconds 0.700000", "vectron_loop_long_turns_total 2",
        "vectron_loop_turn_seconds_bucket{le=\"0.0001\"} 1",
        "vectron_loop_turn_seconds_bucket{le=\"0.001\"} 1",
        "vectron_loop_turn_seconds_bucket{le=\"0.005\"} 2",
        "vectron_loop_turn_seconds_bucket{le=\"0.01\"} 3",
        "vectron_loop_turn_seconds_bucket{le=\"+Inf\"} 4", "vectron_loop_turn_seconds_count 4",
        "vectron_loop_turn_seconds_sum 0.711050000"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line + "\n"));
  }
}

}  // namespace
}  // namespace vectron
