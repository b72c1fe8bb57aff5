import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.BlockingQueueConsumer;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.QueueSharder;
import org.apache.curator.framework.recipes.queue.QueueSharderPolicies;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.state.ConnectionState;

/** curator-recipes, queues. An item put again after its connection broke may be there twice, so in a storm as many are
 * allowed; none may be missing. */
final class Queues {
    private static final QueueSerializer<String> TEXT = new QueueSerializer<String>() {
        @Override
        public byte[] serialize(String item) {
            return item.getBytes();
        }

        @Override
        public String deserialize(byte[] bytes) {
            return new String(bytes);
        }
    };

    private static final class Taker implements QueueConsumer<String> {
        final ConcurrentLinkedQueue<String> taken;
        final AtomicBoolean fails = new AtomicBoolean();

        Taker(ConcurrentLinkedQueue<String> taken) {
            this.taken = taken;
        }

        @Override
        public void consumeMessage(String item) throws Exception {
            if (fails.getAndSet(false))
                throw new Exception("this one is to be given again");
            taken.add(item);
        }

        @Override
        public void stateChanged(CuratorFramework client, ConnectionState state) { }
    }

    private static void allTaken(Stage s, List<String> put, ConcurrentLinkedQueue<String> taken) throws Exception {
        Stage.settles("what was taken", new TreeSet<>(put), () -> new TreeSet<>(taken));
        Thread.sleep(200);
        if (!s.storm)
            Stage.same(put.size(), taken.size(), "items, each once");
    }

    static void queue(Stage s) throws Exception {
        ConcurrentLinkedQueue<String> taken = new ConcurrentLinkedQueue<>();
        List<DistributedQueue<String>> ends = new ArrayList<>();
        Taker[] takers = {new Taker(taken), new Taker(taken)};
        for (Taker taker : takers) {
            ends.add(QueueBuilder.builder(s.client(), taker, TEXT, s.path("queue")).lockPath(s.path("locks")).buildQueue());
            ends.get(ends.size() - 1).start();
        }
        takers[0].fails.set(true);
        DistributedQueue<String> producer = QueueBuilder.builder(s.client(), null, TEXT, s.path("queue")).buildQueue();
        producer.start();
        List<String> put = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            if (i == 30)
                s.disturb();
            put.add("item " + i);
            producer.put("item " + i);
        }
        Stage.check(producer.flushPuts(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "all are put");
        allTaken(s, put, taken);
        producer.close();
        for (DistributedQueue<String> end : ends)
            end.close();
    }

    static void queueInOrder(Stage s) throws Exception {
        BlockingQueueConsumer<String> consumer = new BlockingQueueConsumer<>((client, state) -> { });
        DistributedQueue<String> producer = QueueBuilder.builder(s.client(), null, TEXT, s.path("queue")).buildQueue();
        producer.start();
        for (int i = 0; i < 20; i++)
            producer.put("item " + i);
        Stage.check(producer.flushPuts(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "all are put");
        s.disturb();
        DistributedQueue<String> end = QueueBuilder.builder(s.client(), consumer, TEXT, s.path("queue")).buildQueue();
        end.start();
        for (int i = 0; i < 20; i++)
            Stage.same("item " + i, consumer.take(20, TimeUnit.SECONDS), "the next item");
        producer.close();
        end.close();
    }

    static void priorityQueue(Stage s) throws Exception {
        CuratorFramework client = s.client();
        DistributedPriorityQueue<String> producer =
                QueueBuilder.builder(s.client(), null, TEXT, s.path("queue")).buildPriorityQueue(1);
        producer.start();
        int[] priorities = {5, 1, 4, -3, 2, 0};
        for (int priority : priorities)
            producer.put("" + priority, priority);
        Stage.check(producer.flushPuts(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "all are put");
        s.disturb();
        Stage.sync(client, s.path("queue"));
        ConcurrentLinkedQueue<String> taken = new ConcurrentLinkedQueue<>();
        DistributedPriorityQueue<String> end =
                QueueBuilder.builder(client, new Taker(taken), TEXT, s.path("queue")).buildPriorityQueue(1);
        end.start();
        Stage.settles("what was taken", Arrays.asList("-3", "0", "1", "2", "4", "5"), () -> new ArrayList<>(taken));
        producer.close();
        end.close();
    }

    static void delayQueue(Stage s) throws Exception {
        ConcurrentLinkedQueue<String> taken = new ConcurrentLinkedQueue<>();
        DistributedDelayQueue<String> queue =
                QueueBuilder.builder(s.client(), new Taker(taken), TEXT, s.path("queue")).buildDelayQueue();
        queue.start();
        long now = System.currentTimeMillis();
        queue.put("later", now + 3000);
        queue.put("soon", now + 1000);
        s.disturb();
        Stage.eventually("the first", () -> !taken.isEmpty());
        Stage.check(System.currentTimeMillis() >= now + 1000, "not before its time");
        Stage.eventually("the second", () -> taken.size() >= 2);
        Stage.check(System.currentTimeMillis() >= now + 3000, "not before its time");
        Stage.same(Arrays.asList("soon", "later"), new ArrayList<>(taken), "what was taken");
        queue.close();
    }

    static void idQueue(Stage s) throws Exception {
        DistributedIdQueue<String> producer =
                QueueBuilder.builder(s.client(), null, TEXT, s.path("queue")).buildIdQueue();
        producer.start();
        for (int i = 0; i < 6; i++)
            producer.put("item " + i, "id" + i % 3);
        Stage.check(producer.flushPuts(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "all are put");
        Stage.same(2, producer.remove("id1"), "items removed by their id");
        s.disturb();
        ConcurrentLinkedQueue<String> taken = new ConcurrentLinkedQueue<>();
        DistributedIdQueue<String> end =
                QueueBuilder.builder(s.client(), new Taker(taken), TEXT, s.path("queue")).buildIdQueue();
        end.start();
        allTaken(s, Arrays.asList("item 0", "item 2", "item 3", "item 5"), taken);
        producer.close();
        end.close();
    }

    private static QueueSharder<String, DistributedQueue<String>> shards(Stage s, Taker taker) throws Exception {
        QueueSharderPolicies policies = QueueSharderPolicies.builder()
                .newQueueThreshold(10).thresholdCheckMs(50).maxQueues(4).build();
        QueueSharder<String, DistributedQueue<String>> sharder = new QueueSharder<>(s.client(),
                (client, path) -> QueueBuilder.builder(client, taker, TEXT, path).buildQueue(),
                s.path("queues"), s.path("leader"), policies);
        sharder.start();
        return sharder;
    }

    static void sharder(Stage s) throws Exception {
        QueueSharder<String, DistributedQueue<String>> producer = shards(s, null);
        List<String> put = new ArrayList<>();
        Stage.same(1, producer.getShardQty(), "queues at first");
        for (int i = 0; i < 100; i++) {
            if (i == 50)
                s.disturb();
            put.add("item " + i);
            producer.getQueue().put("item " + i);
            Thread.sleep(5);
        }
        Stage.eventually("more queues, for one has become long", () -> producer.getShardQty() > 1);
        ConcurrentLinkedQueue<String> taken = new ConcurrentLinkedQueue<>();
        QueueSharder<String, DistributedQueue<String>> end = shards(s, new Taker(taken));
        allTaken(s, put, taken);
        Stage.check(producer.getShardQty() <= 4, "no more queues than allowed");
        Stage.settles("the queues that the other knows", new TreeSet<>(producer.getQueuePaths()),
                () -> new TreeSet<>(end.getQueuePaths()));
        producer.close();
        end.close();
    }

    static void simpleQueue(Stage s) throws Exception {
        CuratorFramework a = s.client();
        SimpleDistributedQueue queue = new SimpleDistributedQueue(a, s.path("queue"));
        Stage.check(queue.poll() == null, "nothing is there");
        Stage.check(queue.poll(300, TimeUnit.MILLISECONDS) == null, "nor comes");
        Stage.refused(NoSuchElementException.class, queue::remove);
        List<String> put = new ArrayList<>(), taken = Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 10; i++) {
            put.add("item " + i);
            Stage.check(queue.offer(("item " + i).getBytes()), "it is put");
        }
        Stage.same("item 0", new String(queue.peek()), "the first");
        Stage.same("item 0", new String(queue.element()), "the first");
        SimpleDistributedQueue[] ends = {
            new SimpleDistributedQueue(s.client(), s.path("queue")), new SimpleDistributedQueue(s.client(), s.path("queue"))};
        for (int i = 0; i < 10; i++)
            taken.add(new String(i % 2 == 0 ? ends[0].take() : ends[1].poll(20, TimeUnit.SECONDS)));
        Stage.same(put, taken, "what was taken, in order");
        java.util.concurrent.Future<?> waiter = s.start(() -> taken.add(new String(ends[0].take())));
        s.disturb();
        queue.offer("late".getBytes());
        Stage.finish(waiter);
        Stage.same("late", taken.get(10), "what was waited for");
    }
}
