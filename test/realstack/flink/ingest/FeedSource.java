import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.source.SourceFunction;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Polls the feeds for messages of this site, one after the other, and emits each. A feed that
 * is attached elsewhere answers 409 and is asked again; so is one that does not answer. The
 * positions are the job's state. A job without one begins with what its site's Kafka holds:
 * the other stores may have less.
 */
@SuppressWarnings("deprecation") // the newer source interface needs five classes for the same
final class FeedSource implements SourceFunction<Message>, CheckpointedFunction {
  private static final long serialVersionUID = 1;

  private final String site;
  private final Map<String, String> feeds = new HashMap<>();
  private final String brokers;
  private final String topic;
  private volatile boolean running = true;
  private transient ListState<Map<String, Position>> saved;
  private transient Map<String, Position> positions;
  private transient boolean fresh;

  FeedSource(String site, String feeds, String brokers, String topic) {
    this.site = site;
    this.brokers = brokers;
    this.topic = topic;
    for (String feed : feeds.split(",")) {
      String[] parts = feed.split("=", 2);
      this.feeds.put(parts[0], parts[1]);
    }
  }

  @Override
  public void initializeState(FunctionInitializationContext context) throws Exception {
    saved =
        context
            .getOperatorStateStore()
            .getListState(
                new ListStateDescriptor<>(
                    "positions", TypeInformation.of(new TypeHint<Map<String, Position>>() {})));
    positions = new HashMap<>();
    for (Map<String, Position> p : saved.get()) {
      positions.putAll(p);
    }
    fresh = !context.isRestored();
  }

  @Override
  public void snapshotState(FunctionSnapshotContext context) throws Exception {
    saved.update(List.of(new HashMap<>(positions)));
  }

  @Override
  public void run(SourceContext<Message> out) throws Exception {
    if (fresh) {
      readKafka(out);
    }
    HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build();
    ObjectMapper mapper = new ObjectMapper();
    while (running) {
      boolean any = false;
      for (Map.Entry<String, String> feed : feeds.entrySet()) {
        Position at = positions.computeIfAbsent(feed.getKey(), k -> new Position());
        List<String[]> page = poll(client, mapper, feed.getValue(), at.upTo());
        synchronized (out.getCheckpointLock()) {
          for (String[] message : page) {
            if (at.take(Long.parseLong(message[0]))) {
              out.collect(new Message(message[1], false));
              any = true;
            }
          }
        }
      }
      if (!any) {
        Thread.sleep(100);
      }
    }
  }

  /** A page of messages as {number, JSON}; none when the feed does not serve this site now. */
  private List<String[]> poll(HttpClient client, ObjectMapper mapper, String url, long after)
      throws InterruptedException {
    List<String[]> page = new ArrayList<>();
    try {
      HttpResponse<String> answer =
          client.send(
              HttpRequest.newBuilder(
                      URI.create(url + "/messages?site=" + site + "&after=" + after + "&limit=500"))
                  .timeout(Duration.ofSeconds(2))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() == 200) {
        for (JsonNode m : mapper.readTree(answer.body()).get("messages")) {
          page.add(new String[] {m.get("seq").asText(), m.toString()});
        }
      }
    } catch (java.io.IOException e) {
      page.clear(); // asked again at the next round
    }
    return page;
  }

  @Override
  public void cancel() {
    running = false;
  }

  /** What the site's Kafka holds is where a job without a savepoint goes on. */
  private void readKafka(SourceContext<Message> out) throws Exception {
    ObjectMapper mapper = new ObjectMapper();
    Properties p = new Properties();
    p.put("bootstrap.servers", brokers);
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (PartitionInfo i : consumer.partitionsFor(topic)) {
        partitions.add(new TopicPartition(topic, i.partition()));
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (running
          && partitions.stream().anyMatch(x -> consumer.position(x) < ends.get(x))) {
        for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(500))) {
          JsonNode m = mapper.readTree(r.value());
          synchronized (out.getCheckpointLock()) {
            if (positions
                .computeIfAbsent(m.get("feed").asText(), k -> new Position())
                .take(m.get("seq").asLong())) {
              out.collect(new Message(m.toString(), true));
            }
          }
        }
      }
    }
  }
}
