import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.sink.RichSinkFunction;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes each message to Kafka at once, and at every checkpoint what came since the last one
 * to MySQL and to the search index, both keyed by the message's id, so that repeating it
 * changes nothing there. Kafka must take everything before a checkpoint counts; a store that
 * is behind keeps what it lacks waiting here, and in the state, until it answers.
 */
@SuppressWarnings("deprecation") // the newer sink interface needs five classes for the same
final class StoreSink extends RichSinkFunction<Message> implements CheckpointedFunction {
  private static final long serialVersionUID = 1;

  private final Map<String, String> options;
  private transient ObjectMapper mapper;
  private transient KafkaProducer<byte[], byte[]> kafka;
  private transient List<Future<RecordMetadata>> sent;
  private transient HttpClient http;
  private transient List<String> forSql;
  private transient List<String> forSearch;
  private transient ListState<String> savedSql;
  private transient ListState<String> savedSearch;

  StoreSink(Map<String, String> options) {
    this.options = options;
  }

  @Override
  public void open(Configuration unused) {
    mapper = new ObjectMapper();
    sent = new ArrayList<>();
    http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build();
    Properties p = new Properties();
    p.put("bootstrap.servers", options.get("brokers"));
    p.put("acks", "all");
    p.put("delivery.timeout.ms", "5000");
    p.put("request.timeout.ms", "2000");
    p.put("max.block.ms", "3000");
    p.put("linger.ms", "5");
    kafka = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
  }

  @Override
  public void initializeState(FunctionInitializationContext context) throws Exception {
    savedSql = state(context, "for-sql");
    savedSearch = state(context, "for-search");
    forSql = restored(savedSql);
    forSearch = restored(savedSearch);
  }

  private static ListState<String> state(
      FunctionInitializationContext context, String name) throws Exception {
    return context
        .getOperatorStateStore()
        .getListState(
            new ListStateDescriptor<>(name, String.class));
  }

  private static List<String> restored(
      ListState<String> from) throws Exception {
    List<String> all = new ArrayList<>();
    from.get().forEach(all::add);
    return all;
  }

  @Override
  public void invoke(Message message, Context context) throws Exception {
    if (!message.inKafka) {
      JsonNode m = mapper.readTree(message.json);
      byte[] key = m.get("flight").asText().getBytes(java.nio.charset.StandardCharsets.UTF_8);
      byte[] value = message.json.getBytes(java.nio.charset.StandardCharsets.UTF_8);
      sent.add(kafka.send(new ProducerRecord<>(options.get("topic"), key, value)));
    }
    if (options.containsKey("jdbc")) {
      forSql.add(message.json);
    }
    if (options.containsKey("search")) {
      forSearch.add(message.json);
    }
  }

  @Override
  public void snapshotState(FunctionSnapshotContext context) throws Exception {
    while (checkpointFault().equals("wait")) {
      Thread.sleep(100);
    }
    if (checkpointFault().equals("fail")) {
      throw new java.io.IOException("this checkpoint is to fail");
    }
    kafka.flush();
    for (Future<RecordMetadata> f : sent) {
      f.get(); // a record that Kafka did not take fails the checkpoint's task, which repeats
    }
    sent.clear();
    forSql = writeSql(forSql);
    forSearch = writeSearch(forSearch);
    savedSql.update(forSql);
    savedSearch.update(forSearch);
  }

  /** What is to become of a checkpoint now; "" for nothing but what it should. */
  private String checkpointFault() throws java.io.IOException {
    String file = options.get("checkpoint-fault");
    return file == null ? "" : Files.readString(Path.of(file)).strip();
  }

  /** Returns what could not be written. */
  private List<String> writeSql(List<String> messages) throws java.io.IOException {
    if (messages.isEmpty()) {
      return messages;
    }
    String password = Files.readString(Path.of(options.get("sql-password-file"))).strip();
    try (Connection c =
            DriverManager.getConnection(options.get("jdbc"), options.get("sql-user"), password);
        PreparedStatement s =
            c.prepareStatement("INSERT IGNORE INTO messages (id, doc) VALUES (?, ?)")) {
      c.setAutoCommit(false);
      for (String m : messages) {
        s.setString(1, mapper.readTree(m).get("id").asText());
        s.setString(2, m);
        s.addBatch();
      }
      s.executeBatch();
      c.commit();
    } catch (SQLException e) {
      return messages; // it is read-only or does not answer: once more at the next checkpoint
    }
    return new ArrayList<>();
  }

  /** Returns what could not be written. */
  private List<String> writeSearch(List<String> messages) throws InterruptedException {
    if (messages.isEmpty()) {
      return messages;
    }
    StringBuilder bulk = new StringBuilder();
    try {
      for (String m : messages) {
        String id = mapper.readTree(m).get("id").asText();
        bulk.append("{\"index\":{\"_id\":\"").append(id).append("\"}}\n").append(m).append('\n');
      }
      HttpResponse<String> answer =
          http.send(
              HttpRequest.newBuilder(
                      URI.create(options.get("search") + "/" + options.get("index") + "/_bulk"))
                  .timeout(Duration.ofSeconds(3))
                  .header("Content-Type", "application/x-ndjson")
                  .POST(HttpRequest.BodyPublishers.ofString(bulk.toString()))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200 || mapper.readTree(answer.body()).get("errors").asBoolean()) {
        return messages;
      }
    } catch (java.io.IOException e) {
      return messages;
    }
    return new ArrayList<>();
  }

  @Override
  public void close() {
    if (kafka != null) {
      kafka.close(Duration.ofSeconds(1));
    }
  }
}
