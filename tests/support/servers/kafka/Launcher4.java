import java.nio.file.Files;
import java.nio.file.Path;

/** One broker of the real Kafka, which is its own controller: host, port, port of the controller, data directory. Ends with its input. */
public class Launcher4 {
    public static void main(String[] arguments) throws Exception {
        String host = arguments[0], port = arguments[1], controller = "127.0.0.1:" + arguments[2];
        Path data = Path.of(arguments[3]), file = data.resolve("server.properties");
        String listener = "PLAINTEXT://" + host + ":" + port, listeners = listener + ",CONTROLLER://" + controller;
        String protocols = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT";
        // The last one of equal names counts.
        String more = !Files.exists(data.resolve("more.properties")) ? "" : Files.readString(data.resolve("more.properties"))
            .replace("{listeners}", listeners).replace("{advertised}", listener).replace("{protocols}", protocols);
        Files.writeString(file, String.join("\n",
            "process.roles=broker,controller",
            "node.id=1",
            "controller.quorum.voters=1@" + controller,
            "listeners=" + listeners,
            "advertised.listeners=" + listener,
            "controller.listener.names=CONTROLLER",
            "listener.security.protocol.map=" + protocols,
            "log.dirs=" + data.resolve("log"),
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=2",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=2",
            "group.initial.rebalance.delay.ms=0",
            more));
        String[] format = {"format", "-g", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", file.toString()};
        if (kafka.tools.StorageTool.execute(format, System.out) != 0) {
            System.exit(1);
        }
        Thread watcher = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (java.io.IOException ended) {
                // The same as the end of the input.
            }
            Runtime.getRuntime().halt(0);
        });
        watcher.setDaemon(true);
        watcher.start();
        kafka.Kafka.main(new String[] {file.toString()});
    }
}
