import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooKeeper;

/** What one recipe is tested on: clients, a node of its own, threads, and the leader, who can be killed. */
final class Stage implements AutoCloseable {
    static final int SESSION_MS = 60000; // all that zoo.cfg allows: a busy disk may stop an ensemble for half a minute
    static final int PATIENCE_MS = 60000;
    private static final BufferedReader FROM_DRIVER = new BufferedReader(new InputStreamReader(System.in));

    interface Part {
        void play() throws Exception;
    }

    final String root;
    /** Is the leader killed when a recipe asks for it? */
    final boolean storm;
    private final String hosts;
    private final Journal journal;
    private final Map<CuratorFramework, Sessions> clients = Collections.synchronizedMap(new LinkedHashMap<>());
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private int expired;

    Stage(String hosts, String root, boolean storm, Journal journal) throws Exception {
        this.hosts = hosts;
        this.root = root;
        this.storm = storm;
        this.journal = journal;
        client().create().forPath(root);
    }

    /** A new client, connected; it is closed with the stage. */
    CuratorFramework client() throws InterruptedException {
        Sessions sessions = new Sessions("client " + (clients.size() + 1), journal);
        CuratorFramework client = CuratorFrameworkFactory.builder()
                .connectString(hosts)
                .sessionTimeoutMs(SESSION_MS)
                .connectionTimeoutMs(10000)
                .retryPolicy(new ExponentialBackoffRetry(20, 12, 500))
                .zookeeperFactory(sessions)
                .build();
        client.getConnectionStateListenable().addListener(sessions);
        clients.put(client, sessions);
        client.start();
        check(client.blockUntilConnected(PATIENCE_MS, TimeUnit.MILLISECONDS), "a client connects");
        return client;
    }

    /** How often any of the clients lost its connection: so many outcomes may be unknown. */
    int suspended() {
        return sum(sessions -> sessions.suspended.get());
    }

    private int sum(ToIntFunction<Sessions> number) {
        synchronized (clients) {
            return clients.values().stream().mapToInt(number).sum();
        }
    }

    String path(String name) {
        return root + "/" + name;
    }

    /** kill -9 of whoever leads now, if this is a storm: it is dead when this returns, and is started again soon. */
    void disturb() throws IOException {
        if (!storm)
            return;
        synchronized (FROM_DRIVER) {
            System.out.println("KILL");
            check("killed".equals(FROM_DRIVER.readLine()), "the driver has killed the leader");
            journal.note("the leader is killed");
        }
    }

    /** What others have written is seen by this client from now on, whatever server it is at. */
    static void sync(CuratorFramework client, String path) throws Exception {
        int code;
        do {
            CompletableFuture<Integer> answer = new CompletableFuture<>();
            client.sync().inBackground((c, event) -> answer.complete(event.getResultCode())).forPath(path);
            code = answer.get(PATIENCE_MS, TimeUnit.MILLISECONDS);
        } while (code != KeeperException.Code.OK.intValue());
    }

    /** Ends a client's session at the servers, as an expiry does; the client has been told when this returns. */
    void expire(CuratorFramework client) throws Exception {
        Sessions its = clients.get(client);
        int before = its.lost(), toldBefore = its.toldLost.get();
        ZooKeeper session = client.getZookeeperClient().getZooKeeper();
        long id = session.getSessionId();
        byte[] password = session.getSessionPasswd();
        while (endByTwin(id, password))
            ; // the client may have taken the session back before its twin could end it: until there is none to take
        expired++;
        eventually("the client to learn that its session is gone", () -> its.toldLost.get() > toldBefore);
        same(before + 1, its.lost(), "sessions that the client lost");
    }

    /** Takes a session and ends it. False: it had ended already. */
    private boolean endByTwin(long id, byte[] password) throws Exception {
        String name = String.format("a twin of session 0x%x: ", id);
        ZooKeeper twin = new ZooKeeper(hosts, SESSION_MS, event -> journal.note(name + event.getState()), id, password);
        eventually("a session's twin to connect", () -> twin.getState().isConnected() || !twin.getState().isAlive());
        boolean connected = twin.getState().isAlive();
        twin.close();
        return connected;
    }

    Future<?> start(Part part) {
        return threads.submit(() -> {
            part.play();
            return null;
        });
    }

    /** All of them at once; ends when all have, with the first failure. */
    void together(int count, java.util.function.IntFunction<Part> parts) throws Exception {
        List<Future<?>> started = new ArrayList<>();
        for (int i = 0; i < count; i++)
            started.add(start(parts.apply(i)));
        finish(started);
    }

    static void finish(List<Future<?>> started) throws Exception {
        for (Future<?> one : started)
            finish(one);
    }

    static void finish(Future<?> started) throws Exception {
        try {
            started.get(2 * PATIENCE_MS, TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error)
                throw (Error) e.getCause();
            throw (Exception) e.getCause();
        }
    }

    static void check(boolean holds, String what) {
        if (!holds)
            throw new AssertionError("not so: " + what);
    }

    static void same(Object expected, Object found, String what) {
        if (!expected.equals(found))
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
    }

    static void eventually(String what, Callable<Boolean> holds) throws Exception {
        long end = System.nanoTime() + PATIENCE_MS * 1000000L;
        while (!holds.call()) {
            check(System.nanoTime() < end, "waited long enough for " + what);
            Thread.sleep(20);
        }
    }

    /** As `eventually`, telling what there is instead. */
    static <T> void settles(String what, T expected, Callable<T> found) throws Exception {
        long end = System.nanoTime() + PATIENCE_MS * 1000000L;
        for (T now = found.call(); !expected.equals(now); now = found.call()) {
            check(System.nanoTime() < end, what + " becomes " + expected + "; it is " + now);
            Thread.sleep(20);
        }
    }

    static void refused(Class<? extends Exception> why, Part part) throws Exception {
        try {
            part.play();
        } catch (Exception e) {
            if (why.isInstance(e))
                return;
            throw e;
        }
        throw new AssertionError("was not refused with " + why.getSimpleName());
    }

    @Override
    public void close() {
        threads.shutdownNow();
        clients.keySet().forEach(CuratorFramework::close);
        same(expired, sum(Sessions::lost), "sessions that were lost, to those that were ended here");
    }
}
