import java.io.Serializable;
import java.util.TreeSet;

/**
 * How far one feed has been read: everything up to a number, and some beyond it. The second
 * half is there because a mirror copies partitions side by side: what a standby's Kafka holds
 * when its source dies may have holes near the end.
 */
final class Position implements Serializable {
  private static final long serialVersionUID = 1;

  private long upTo;
  private final TreeSet<Long> beyond = new TreeSet<>();

  /** The last number of the part without holes; 0 is none. */
  long upTo() {
    return upTo;
  }

  /** Notes a message; false when it was noted before. */
  boolean take(long seq) {
    if (seq <= upTo || !beyond.add(seq)) {
      return false;
    }
    while (!beyond.isEmpty() && beyond.first() == upTo + 1) {
      upTo = beyond.pollFirst();
    }
    return true;
  }
}
