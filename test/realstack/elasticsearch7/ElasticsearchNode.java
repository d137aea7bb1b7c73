import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.reindex.ReindexPlugin;
import org.elasticsearch.transport.Netty4Plugin;

/**
 * Runs one Elasticsearch 7.17 node without the distribution that is not on Maven Central:
 * {@code ElasticsearchNode HOME} reads HOME/config/elasticsearch.yml, starts the node with
 * HTTP and reindex, prints "started", and runs until it is told to end.
 */
public final class ElasticsearchNode extends Node {
  private ElasticsearchNode(Environment environment) {
    super(environment, List.of(Netty4Plugin.class, ReindexPlugin.class), false);
  }

  /** Runs the node below args[0]. */
  public static void main(String[] args) throws Exception {
    Settings settings = Settings.builder().put("path.home", args[0]).build();
    Environment environment =
        InternalSettingsPreparer.prepareEnvironment(
            settings, Map.of(), Path.of(args[0], "config"), () -> "lab");
    Node node = new ElasticsearchNode(environment);
    node.start();
    System.out.println("started");
    CountDownLatch end = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    node.close();
                  } catch (java.io.IOException e) {
                    System.err.println("close: " + e);
                  }
                  end.countDown();
                }));
    end.await();
  }
}
