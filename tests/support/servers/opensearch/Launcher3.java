import java.nio.file.Path;
import java.util.List;
import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;
import org.opensearch.transport.Netty4ModulePlugin;

/** One node of the real OpenSearch without its distribution: HTTP host, HTTP port, transport port, data directory. Ends with its input. */
public class Launcher3 extends Node {
    Launcher3(Environment environment) {
        super(environment, List.of(new PluginInfo(
            Netty4ModulePlugin.class.getName(), "HTTP and transport", "NA", Version.CURRENT, "17",
            Netty4ModulePlugin.class.getName(), null, List.of(), false)), false);
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(System.getProperty("opensearch.path.home"));
        Settings settings = Settings.builder()
            .put("path.home", home.toString())
            .put("path.data", arguments[3])
            .put("path.logs", arguments[3])
            .put("http.host", arguments[0]).put("http.port", arguments[1])
            .put("transport.host", "127.0.0.1").put("transport.port", arguments[2])
            .put("http.type", "netty4").put("transport.type", "netty4")
            .put("discovery.type", "single-node").put("node.name", "test")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        new Launcher3(new Environment(settings, home.resolve("config"))).start();
        while (System.in.read() >= 0) { }
        System.exit(0);
    }
}
