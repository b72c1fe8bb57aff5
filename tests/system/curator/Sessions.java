import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.framework.state.ConnectionStateListener;
import org.apache.curator.utils.DefaultZookeeperFactory;
import org.apache.curator.utils.ZookeeperFactory;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;

/** One Curator client's sessions, one after another: Curator makes a new ZooKeeper handle when a session is lost.
 *
 * So the handles are counted, and not how often Curator tells LOST: it starts the next handle before it tells of the last
 * one's end, and if the next is connected by then, it tells LOST, RECONNECTED and LOST again of one session. */
final class Sessions implements ZookeeperFactory, ConnectionStateListener {
    /** How often Curator told that the connection was lost, and that the session was. */
    final AtomicInteger suspended = new AtomicInteger(), toldLost = new AtomicInteger();
    private final AtomicInteger handles = new AtomicInteger();
    private final String name;
    private final Journal journal;

    Sessions(String name, Journal journal) {
        this.name = name;
        this.journal = journal;
    }

    /** How many sessions the client has lost, whether the servers ended them or Curator gave them up. */
    int lost() {
        return handles.get() - 1;
    }

    @Override
    public ZooKeeper newZooKeeper(String hosts, int timeoutMs, Watcher watcher, boolean readOnly) throws Exception {
        int number = handles.incrementAndGet();
        CompletableFuture<ZooKeeper> made = new CompletableFuture<>();
        ZooKeeper handle = new DefaultZookeeperFactory().newZooKeeper(hosts, timeoutMs, event -> {
            if (event.getType() == Watcher.Event.EventType.None)
                journal.note(String.format("%s, handle %d, session 0x%x: %s", name, number,
                        made.join().getSessionId(), event.getState()));
            watcher.process(event);
        }, readOnly);
        made.complete(handle);
        return handle;
    }

    @Override
    public void stateChanged(CuratorFramework client, ConnectionState state) {
        journal.note(name + ": Curator says " + state);
        if (state == ConnectionState.SUSPENDED)
            suspended.incrementAndGet();
        if (state == ConnectionState.LOST)
            toldLost.incrementAndGet();
    }
}
