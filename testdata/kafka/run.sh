#!/bin/bash
# Runs a command beside a real Apache Kafka 4.1.1 (KRaft, one node, loopback), made from Maven artifacts, and ends it
# afterwards. The command finds its address in VIDEOQA_TEST_KAFKA, and in VIDEOQA_TEST_KAFKA_CONTROL a program that takes
# stop, start or restart. A second listener wants TLS and SASL: VIDEOQA_TEST_KAFKA_SECURE is its address, and
# VIDEOQA_TEST_KAFKA_CA the certificate that vouches for it. It knows videoqa and guest, whose passwords are secret, by
# PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; guest may do nothing. Needs Java 17 and mvn.
#   testdata/kafka/run.sh go test ./ingest/kafka ./answers/worker
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$("$here/../../deploy/cache.sh")/kafka-4.1.1
controller=$("$here/../free-port.sh")
port=${VIDEOQA_TEST_KAFKA_PORT:-$("$here/../free-port.sh")}
secure=$("$here/../free-port.sh")
for program in java mvn; do
  command -v "$program" >/dev/null || { echo "run.sh: $program is missing: apt-get install default-jre-headless maven" >&2; exit 1; }
done
mkdir -p "$cache"
if [[ ! -s $cache/classpath ]]; then
  mvn -q -B -f "$here/pom.xml" dependency:build-classpath -Dmdep.outputFile="$cache/classpath.part"
  mv "$cache/classpath.part" "$cache/classpath"
fi
classpath=$(cat "$cache/classpath")
dir=$(mktemp -d)
cat > "$dir/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,SECURE://127.0.0.1:$secure,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SECURE://127.0.0.1:$secure
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
ssl.keystore.type=PKCS12
ssl.keystore.location=$dir/broker.p12
ssl.keystore.password=changeit
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_videoqa="secret" user_guest="secret";
listener.name.secure.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:videoqa
log.dirs=$dir/logs
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
P
keytool -genkeypair -keystore "$dir/broker.p12" -storetype PKCS12 -storepass changeit -alias broker -keyalg EC -groupname secp256r1 \
  -dname CN=broker -ext san=ip:127.0.0.1 -ext bc=ca:true -validity 2 >"$dir/log" 2>&1
keytool -exportcert -rfc -keystore "$dir/broker.p12" -storepass changeit -alias broker >"$dir/broker.pem" 2>>"$dir/log"
users=()
for user in videoqa guest; do
  for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do users+=(--add-scram "$mechanism=[name=$user,password=secret]"); done
done
id=$(java -cp "$classpath" kafka.tools.StorageTool random-uuid 2>/dev/null | tail -1)
java -cp "$classpath" kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" --ignore-formatted "${users[@]}" >>"$dir/log" 2>&1
cat > "$dir/control" <<P
#!/bin/bash
# stop ends the broker at once, as a crash does; start returns when its port is open.
set -euo pipefail
stop() {
  [[ ! -e $dir/pid ]] || { kill -9 "\$(cat "$dir/pid")" 2>/dev/null || true; while kill -0 "\$(cat "$dir/pid")" 2>/dev/null; do sleep 0.1; done; rm -f "$dir/pid"; }
}
start() {
  java -Xmx512m -cp "$classpath" kafka.Kafka "$dir/server.properties" >>"$dir/log" 2>&1 &
  echo \$! > "$dir/pid"
  for ((i = 0; i < 300; i++)); do
    kill -0 "\$(cat "$dir/pid")" 2>/dev/null || { echo "run.sh: Kafka ended:" >&2; tail -20 "$dir/log" >&2; exit 1; }
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.2
  done
}
case \$1 in stop) stop ;; start) start ;; restart) stop; start ;; esac
P
chmod 755 "$dir/control"
trap '"$dir/control" stop || true; rm -rf "$dir"' EXIT
"$dir/control" start
VIDEOQA_TEST_KAFKA=127.0.0.1:$port VIDEOQA_TEST_KAFKA_CONTROL=$dir/control \
  VIDEOQA_TEST_KAFKA_SECURE=127.0.0.1:$secure VIDEOQA_TEST_KAFKA_CA=$dir/broker.pem "$@"
