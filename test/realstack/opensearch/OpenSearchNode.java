import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;

/**
 * Runs one OpenSearch node, of 2.19 or 3.x, without the distribution that is not on Maven
 * Central: {@code OpenSearchNode HOME} reads HOME/config/opensearch.yml, starts the node
 * with HTTP and reindex, prints "started", and runs until it is told to end.
 *
 * <p>It is compiled against 2.19. The constructor that it calls takes a plain collection
 * in both versions once types are erased, and what that holds is looked up when it runs:
 * classes in 2.x, descriptions of plug-ins in 3.x.
 */
public final class OpenSearchNode extends Node {
  private OpenSearchNode(Environment environment, Collection<?> plugins) {
    super(environment, cast(plugins), false);
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static Collection<Class<? extends org.opensearch.plugins.Plugin>> cast(Collection<?> plugins) {
    return (Collection) plugins;
  }

  /** The plug-ins by the names that this version has for them. */
  private static List<?> plugins() throws ReflectiveOperationException {
    if (Version.CURRENT.major < 3) {
      return List.of(
          Class.forName("org.opensearch.transport.Netty4Plugin"),
          Class.forName("org.opensearch.index.reindex.ReindexPlugin"));
    }
    return List.of(
        described("org.opensearch.transport.Netty4ModulePlugin"),
        described("org.opensearch.index.reindex.ReindexModulePlugin"));
  }

  private static PluginInfo described(String name) {
    return new PluginInfo(
        name, "part of the lab", "NA", Version.CURRENT, "21", name, null, List.of(), false);
  }

  /** Runs the node below args[0]. */
  public static void main(String[] args) throws Exception {
    Settings settings = Settings.builder().put("path.home", args[0]).build();
    Environment environment =
        InternalSettingsPreparer.prepareEnvironment(
            settings, Map.of(), Path.of(args[0], "config"), () -> "lab");
    Node node = new OpenSearchNode(environment, plugins());
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
