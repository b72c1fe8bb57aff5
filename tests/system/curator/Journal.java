import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;

/** What became of the connections and sessions of a recipe's clients, for whoever has to explain its failure. */
final class Journal {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSS"); // as in the servers' logs
    private final List<String> lines = new ArrayList<>();

    synchronized void note(String what) {
        lines.add("    " + LocalTime.now().format(TIME) + " " + what);
    }

    synchronized void print() {
        System.out.println("its clients:");
        lines.forEach(System.out::println);
    }
}
