/** One message of a feed on its way through the job; a POJO, as Flink wants it. */
public final class Message {
  /** The message as the feed gave it. */
  public String json;

  /** Whether the site's Kafka has it already, so that only the other stores need it. */
  public boolean inKafka;

  /** For Flink. */
  public Message() {}

  Message(String json, boolean inKafka) {
    this.json = json;
    this.inKafka = inKafka;
  }
}
