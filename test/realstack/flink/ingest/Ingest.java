import org.apache.flink.api.java.utils.ParameterTool;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * The lab's ingest job: the upstream feeds' messages into Kafka, and from the same stream
 * into the data platform's MySQL and search index.
 *
 * <p>Arguments: {@code --job NAME --site SITE --feeds NAME=URL,NAME=URL --brokers HOST:PORT
 * --topic TOPIC}, and where they are wanted {@code --jdbc URL --sql-user USER
 * --sql-password-file FILE} and {@code --search URL --index INDEX}. {@code --checkpoint-fault FILE}
 * lets checkpoints fail while the file says "fail", and wait while it says "wait".
 *
 * <p>It is at least once: the position in the feeds is checkpointed, and a sink has everything
 * before the checkpoint that says so. A savepoint holds the exact position; without one the job
 * goes on from what its site's Kafka holds (see {@link Position}).
 */
public final class Ingest {
  private Ingest() {}

  /** Builds the job and hands it to the cluster. */
  public static void main(String[] args) throws Exception {
    ParameterTool o = ParameterTool.fromArgs(args);
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    env.setParallelism(1);
    env.enableCheckpointing(1000);
    env.getCheckpointConfig().setTolerableCheckpointFailureNumber(Integer.MAX_VALUE);
    env.setRestartStrategy(
        org.apache.flink.api.common.restartstrategy.RestartStrategies.fixedDelayRestart(
            Integer.MAX_VALUE, 1000));
    env.addSource(
            new FeedSource(o.get("site"), o.get("feeds"), o.get("brokers"), o.get("topic")))
        .name("feeds")
        .uid("feeds")
        .addSink(new StoreSink(o.getConfiguration().toMap()))
        .name("stores")
        .uid("stores");
    env.execute(o.get("job", "ingest"));
  }
}
