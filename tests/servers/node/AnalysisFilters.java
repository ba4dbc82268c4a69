package monitor.testing;

import java.util.Map;
import java.util.function.BiFunction;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.en.EnglishPossessiveFilter;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.snowball.SnowballFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * Registers the token filters that the monitor's analyzers use, under the names the full distribution gives them.
 * There they come with its analysis-common module, which Maven Central does not carry; the Lucene classes are the same.
 */
public class AnalysisFilters extends Plugin implements AnalysisPlugin {
  private static AnalysisProvider<TokenFilterFactory> of(BiFunction<TokenStream, Settings, TokenStream> filter) {
    return (index, environment, name, settings) -> new AbstractTokenFilterFactory(name) {
      @Override
      public TokenStream create(TokenStream in) {
        return filter.apply(in, settings);
      }
    };
  }

  private static TokenStream stemmer(TokenStream in, Settings settings) {
    String language = settings.get("language", settings.get("name", ""));
    if (!language.equals("possessive_english")) {
      throw new IllegalArgumentException("this test server's stemmer knows possessive_english, not " + language);
    }
    return new EnglishPossessiveFilter(in);
  }

  @Override
  public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
    return Map.of(
        "asciifolding", of((in, settings) -> new ASCIIFoldingFilter(in, settings.getAsBoolean("preserve_original", false))),
        "stemmer", of(AnalysisFilters::stemmer),
        "snowball", of((in, settings) -> new SnowballFilter(in, settings.get("language", "English"))));
  }
}
