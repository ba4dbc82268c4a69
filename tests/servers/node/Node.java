import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Runs one Elasticsearch node until its standard input ends, so that it never outlives its parent process.
 * Arguments: HOME (modules and configuration), NAME, then settings as KEY=VALUE.
 */
public class Node {
  public static void main(String[] args) throws Exception {
    Path home = Path.of(args[0]).toAbsolutePath();
    String name = args[1];
    Settings.Builder settings = Settings.builder().put("path.home", home.toString()).put("node.name", name);
    for (int i = 2; i < args.length; i++) {
      String[] pair = args[i].split("=", 2);
      settings.put(pair[0], pair[1]);
    }
    LogConfigurator.configureESLogging();
    var environment = InternalSettingsPreparer.prepareEnvironment(
        settings.build(), Map.of(), home.resolve("config"), () -> name);
    LogConfigurator.configure(environment, true);
    var modules = PluginsLoader.loadModulesBundles(home.resolve("modules"), false);
    var plugins = PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of());
    var node = new org.elasticsearch.node.Node(environment, plugins);
    node.start();
    while (System.in.read() != -1) {}
    node.close();
    System.exit(0);
  }
}
