import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/** Reads lines [reader, writer] of schema texts; says what Avro's own library thinks of each. */
public class AvroCompatibility {
  public static void main(String[] arguments) throws Exception {
    ObjectMapper json = new ObjectMapper();
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode pair = json.readTree(line);
      System.out.println(judge(pair.get(0).asText(), pair.get(1).asText()));
    }
  }

  private static String judge(String reader, String writer) {
    try {
      return SchemaCompatibility.checkReaderWriterCompatibility(
              new Schema.Parser().parse(reader), new Schema.Parser().parse(writer))
          .getType()
          .name();
    } catch (RuntimeException refused) {
      return "REFUSED";
    }
  }
}
