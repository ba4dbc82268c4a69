import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.en.EnglishPossessiveFilter;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.PerFieldAnalyzerWrapper;
import org.apache.lucene.analysis.snowball.SnowballFilter;
import org.apache.lucene.analysis.standard.StandardTokenizer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.Term;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorConfiguration;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.monitor.TermFilteredPresearcher;
import org.apache.lucene.queries.intervals.IntervalQuery;
import org.apache.lucene.queries.intervals.Intervals;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.TermQuery;

/**
 * Runs Lucene Monitor on the same rules and stories: Match RULES STORIES REPEAT. Each line of RULES is a rule, its kind
 * and words separated by tabs; each line of STORIES is a story. Prints the stories per second of CPU time of the fastest
 * of REPEAT measurements, and the total number of hits.
 */
public class Match {
  static final ThreadMXBean CPU = ManagementFactory.getThreadMXBean();

  static Analyzer analyzer(boolean stem) {
    return new Analyzer() {
      @Override
      protected TokenStreamComponents createComponents(String field) {
        StandardTokenizer source = new StandardTokenizer();
        TokenStream words = new LowerCaseFilter(new ASCIIFoldingFilter(new EnglishPossessiveFilter(source)));
        return new TokenStreamComponents(
            source, stem ? new SnowballFilter(new SnowballFilter(words, "Russian"), "English") : words);
      }
    };
  }

  static Query any(List<String> words, Occur occur) {
    BooleanQuery.Builder query = new BooleanQuery.Builder();
    words.forEach(word -> query.add(new TermQuery(new Term("stem", word)), occur));
    return query.build();
  }

  static Query query(List<String> parts) {
    List<String> words = parts.subList(1, parts.size());
    return switch (parts.get(0)) {
      case "and" -> any(words, Occur.MUST);
      case "or" -> any(words, Occur.SHOULD);
      case "not" -> new BooleanQuery.Builder()
          .add(new TermQuery(new Term("stem", words.get(0))), Occur.MUST)
          .add(new TermQuery(new Term("stem", words.get(1))), Occur.MUST_NOT).build();
      case "phrase" -> new PhraseQuery("exact", words.toArray(String[]::new));
      case "near" -> new IntervalQuery("stem", Intervals.maxgaps(Integer.parseInt(words.get(0)),
          Intervals.unordered(Intervals.term(words.get(1)), Intervals.term(words.get(2)))));
      case "prefix" -> new PrefixQuery(new Term("exact", words.get(0)));
      default -> new TermQuery(new Term("stem", words.get(0)));
    };
  }

  public static void main(String[] args) throws Exception {
    Analyzer analyzer = new PerFieldAnalyzerWrapper(analyzer(true), Map.of("exact", analyzer(false)));
    try (Monitor monitor = new Monitor(analyzer, new TermFilteredPresearcher(), new MonitorConfiguration())) {
      List<MonitorQuery> rules = new ArrayList<>();
      for (String line : Files.readAllLines(Path.of(args[0]))) {
        rules.add(new MonitorQuery(Integer.toString(rules.size()), query(Arrays.asList(line.split("\t")))));
      }
      monitor.register(rules);
      List<String> stories = Files.readAllLines(Path.of(args[1]));
      double seconds = Double.MAX_VALUE;
      long hits = 0;
      for (int measurement = 0; measurement < Integer.parseInt(args[2]); measurement++) {
        long started = CPU.getCurrentThreadCpuTime();
        hits = 0;
        for (String story : stories) {
          Document document = new Document();
          document.add(new TextField("stem", story, Field.Store.NO));
          document.add(new TextField("exact", story, Field.Store.NO));
          hits += monitor.match(document, QueryMatch.SIMPLE_MATCHER).getMatchCount();
        }
        seconds = Math.min(seconds, (CPU.getCurrentThreadCpuTime() - started) / 1e9);
      }
      System.out.printf("%.1f %d%n", stories.size() / seconds, hits);
    }
  }
}
