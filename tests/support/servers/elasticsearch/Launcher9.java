import java.nio.file.Path;
import java.util.Map;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/** One node of the real Elasticsearch without its distribution: HTTP host, HTTP port, transport port, data directory. Ends with its input. */
public class Launcher9 {
    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(System.getProperty("es.path.home"));
        LogConfigurator.configureESLogging();
        Settings settings = Settings.builder()
            .put("path.home", home.toString())
            .put("path.data", arguments[3])
            .put("path.logs", arguments[3])
            .put("http.host", arguments[0]).put("http.port", arguments[1])
            .put("transport.host", "127.0.0.1").put("transport.port", arguments[2])
            .put("discovery.type", "single-node").put("node.name", "test")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        PluginsLoader loader = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(home.resolve("modules"), false),
            PluginsLoader.loadPluginsBundles(home.resolve("plugins"), false), Map.of());
        new Node(new Environment(settings, home.resolve("config")), loader).start();
        while (System.in.read() >= 0) { }
        System.exit(0);
    }
}
