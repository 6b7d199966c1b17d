package bench;

import java.io.File;
import java.time.Duration;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** Enforcement as one would write it with Kafka Streams: exactly once, Avro's generic records. */
public final class Enforcement {
  /** One output record and where it goes. */
  record Routed(String topic, int partition, byte[] value) {}

  public static void main(String[] arguments) throws Exception {
    Job job = Job.read(new File(arguments[0]));
    KafkaStreams streams = new KafkaStreams(topology(job), configuration(job));
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
    streams.start();
  }

  private static Topology topology(Job job) {
    Topology topology = new Topology();
    topology.addSource("raw", new ByteArrayDeserializer(), new ByteArrayDeserializer(), job.source());
    topology.addProcessor("enforce", () -> new Projecting(job), "raw");
    topology.<byte[], Routed>addSink(
        "outputs",
        (key, routed, context) -> routed.topic(),
        new ByteArraySerializer(),
        (topic, routed) -> routed.value(),
        (topic, key, routed, count) -> Optional.of(Set.of(routed.partition())),
        "enforce");
    return topology;
  }

  private static Properties configuration(Job job) {
    Properties found = new Properties();
    found.put(StreamsConfig.APPLICATION_ID_CONFIG, job.group());
    found.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.bootstrap());
    found.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    found.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, job.commitIntervalMs());
    found.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, job.threads());
    found.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
    found.put(StreamsConfig.POLL_MS_CONFIG, 50);
    found.put(StreamsConfig.STATE_DIR_CONFIG, job.folder());
    found.put(CommonClientConfigs.SECURITY_PROTOCOL_CONFIG, "SASL_PLAINTEXT");
    found.put(SaslConfigs.SASL_MECHANISM, "SCRAM-SHA-512");
    found.put(
        SaslConfigs.SASL_JAAS_CONFIG,
        String.format(
            "org.apache.kafka.common.security.scram.ScramLoginModule required"
                + " username=\"%s\" password=\"%s\";",
            job.user(), job.password()));
    found.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
    found.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG), 50);
    found.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    found.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
    found.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 1 << 20);
    found.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 256 << 20);
    found.put(StreamsConfig.producerPrefix(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG), 10_000);
    return found;
  }
}
