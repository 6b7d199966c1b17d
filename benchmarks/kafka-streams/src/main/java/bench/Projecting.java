package bench;

import bench.Enforcement.Routed;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** A record on to accepted as it is, and to each matching view with the view's items alone. */
final class Projecting implements Processor<byte[], byte[], byte[], Routed> {
  private static final int FRAME = 5;

  private final Job job;
  private final List<View> views = new ArrayList<>();
  private final GenericDatumReader<GenericRecord> reader;
  private ProcessorContext<byte[], Routed> context;
  private BinaryDecoder decoder;
  private GenericRecord reused;

  Projecting(Job job) {
    this.job = job;
    Schema writer = new Schema.Parser().parse(job.schema());
    reader = new GenericDatumReader<>(writer);
    for (Job.ViewJob view : job.views()) {
      views.add(new View(view, writer));
    }
  }

  @Override
  public void init(ProcessorContext<byte[], Routed> context) {
    this.context = context;
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    int partition = context.recordMetadata().orElseThrow().partition();
    byte[] message = record.value();
    context.forward(record.withValue(new Routed(job.accepted(), partition, message)));
    List<Integer> places = job.routes(record.key());
    if (places.isEmpty()) {
      return;
    }
    try {
      decoder =
          DecoderFactory.get().binaryDecoder(message, FRAME, message.length - FRAME, decoder);
      reused = reader.read(reused, decoder);
      for (int place : places) {
        View view = views.get(place);
        byte[] out = view.message(reused);
        int to = partition % view.job.partitions();
        context.forward(record.withValue(new Routed(view.job.topic(), to, out)));
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** One view: what it takes of a record, by position. */
  private static final class View {
    final Job.ViewJob job;
    private final byte[] frame;
    private final int[] positions;
    private final GenericRecord record;
    private final GenericDatumWriter<GenericRecord> writer;
    private final ByteArrayOutputStream buffer = new ByteArrayOutputStream(512);
    private BinaryEncoder encoder;

    View(Job.ViewJob job, Schema whole) {
      this.job = job;
      frame = ByteBuffer.allocate(FRAME).put((byte) 0).putInt(job.schemaId()).array();
      Schema schema = new Schema.Parser().parse(job.schema());
      positions =
          schema.getFields().stream().mapToInt(f -> whole.getField(f.name()).pos()).toArray();
      record = new GenericData.Record(schema);
      writer = new GenericDatumWriter<>(schema);
    }

    byte[] message(GenericRecord whole) throws IOException {
      for (int place = 0; place < positions.length; place++) {
        record.put(place, whole.get(positions[place]));
      }
      buffer.reset();
      buffer.write(frame, 0, FRAME);
      encoder = EncoderFactory.get().binaryEncoder(buffer, encoder);
      writer.write(record, encoder);
      encoder.flush();
      return buffer.toByteArray();
    }
  }
}
