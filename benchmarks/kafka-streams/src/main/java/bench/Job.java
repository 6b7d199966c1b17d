package bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What the contender is told; the file is the same as the Python peers'. */
record Job(
    String bootstrap,
    String user,
    String password,
    String group,
    String source,
    String accepted,
    String schema,
    String folder,
    int commitIntervalMs,
    int threads,
    List<ViewJob> views,
    List<Integer> always,
    Map<String, List<Integer>> byPrefix,
    int prefixLength) {

  /** One view. */
  record ViewJob(String topic, int partitions, int schemaId, String schema) {}

  static Job read(File file) throws IOException {
    JsonNode job = new ObjectMapper().readTree(file);
    List<ViewJob> views = new ArrayList<>();
    List<Integer> always = new ArrayList<>();
    Map<String, List<Integer>> byPrefix = new HashMap<>();
    int length = 0;
    for (JsonNode view : job.get("views")) {
      if (!view.get("masks").isNull()) {
        throw new IllegalArgumentException("masks are not written for Kafka Streams");
      }
      int place = views.size();
      views.add(
          new ViewJob(
              view.get("topic").asText(),
              view.get("partitions").asInt(),
              view.get("schema_id").asInt(),
              view.get("schema").toString()));
      if (view.get("prefixes").isEmpty()) {
        always.add(place);
      }
      for (JsonNode prefix : view.get("prefixes")) {
        length = prefix.asText().length();
        byPrefix.computeIfAbsent(prefix.asText(), any -> new ArrayList<>(always)).add(place);
      }
    }
    return new Job(
        job.get("bootstrap").asText(),
        job.get("user").asText(),
        job.get("password").asText(),
        job.get("group").asText(),
        job.get("source").asText(),
        job.get("accepted").asText(),
        job.get("schema").toString(),
        job.get("folder").asText(),
        job.get("commit_interval_ms").asInt(),
        job.get("threads").asInt(),
        views,
        always,
        byPrefix,
        length);
  }

  /** The views that rows of this key are in. */
  List<Integer> routes(byte[] key) {
    if (prefixLength == 0) {
      return always;
    }
    String prefix = new String(key, 0, prefixLength, StandardCharsets.US_ASCII);
    return byPrefix.getOrDefault(prefix, always);
  }
}
