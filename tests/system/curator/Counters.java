import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.CachedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.CachedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicValue;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.curator.retry.RetryNTimes;

/** curator-recipes, atomic and shared. */
final class Counters {
    private static final int THREADS = 4;
    private static final int EACH = 15;

    private static DistributedAtomicLong makeLong(Stage s, CuratorFramework client, boolean promoted) {
        ExponentialBackoffRetry retry = new ExponentialBackoffRetry(5, 25, 200);
        if (!promoted)
            return new DistributedAtomicLong(client, s.path("long"), retry);
        PromotedToLock lock = PromotedToLock.builder().lockPath(s.path("lock")).retryPolicy(retry).build();
        return new DistributedAtomicLong(client, s.path("long"), new RetryNTimes(1, 1), lock);
    }

    /** A write whose connection broke may have happened and be made again: so much may be counted twice. */
    private static void countTogether(Stage s, boolean promoted) throws Exception {
        AtomicInteger counted = new AtomicInteger();
        CuratorFramework[] clients = {s.client(), s.client()};
        s.together(THREADS, i -> () -> {
            DistributedAtomicLong value = makeLong(s, clients[i % 2], promoted);
            for (int k = 0; k < EACH; k++) {
                AtomicValue<Long> got = value.increment();
                Stage.check(got.succeeded(), "an increment succeeds in the end");
                Stage.same(got.preValue() + 1, got.postValue(), "what is there after it");
                if (counted.incrementAndGet() == THREADS * EACH / 2)
                    s.disturb();
            }
        });
        long most = THREADS * EACH + (long) s.suspended() * THREADS;
        Stage.sync(clients[0], s.path("long"));
        long found = makeLong(s, clients[0], promoted).get().postValue();
        Stage.check(found >= THREADS * EACH && found <= most, "every increment counts, once: " + found);
    }

    static void atomicLong(Stage s) throws Exception {
        countTogether(s, false);
        DistributedAtomicLong value = makeLong(s, s.client(), false);
        value.forceSet(40L);
        Stage.same(42L, value.add(2L).postValue(), "added to");
        Stage.same(40L, value.subtract(2L).postValue(), "subtracted from");
        Stage.same(39L, value.decrement().postValue(), "decremented");
        Stage.check(!value.compareAndSet(7L, 8L).succeeded(), "another value is not replaced");
        Stage.check(value.compareAndSet(39L, 8L).succeeded(), "the expected one is");
        Stage.same(8L, value.get().postValue(), "the value");
        Stage.check(!value.initialize(1L), "it is initialized only once");
    }

    static void atomicLongPromotedToLock(Stage s) throws Exception {
        countTogether(s, true);
    }

    static void atomicIntegerAndValue(Stage s) throws Exception {
        CuratorFramework client = s.client();
        DistributedAtomicInteger number = new DistributedAtomicInteger(client, s.path("int"), new RetryNTimes(20, 50));
        Stage.check(number.initialize(5), "a new one can be initialized");
        s.disturb();
        Stage.same(5, number.get().postValue(), "the number");
        Stage.check(number.trySet(6).succeeded() || s.storm, "set");
        Stage.same(6, number.get().postValue(), "the number");
        DistributedAtomicValue value = new DistributedAtomicValue(client, s.path("value"), new RetryNTimes(20, 50));
        Stage.check(value.trySet("first".getBytes()).succeeded(), "set");
        Stage.check(!value.compareAndSet("x".getBytes(), "y".getBytes()).succeeded(), "not replaced");
        AtomicValue<byte[]> replaced = value.compareAndSet("first".getBytes(), "second".getBytes());
        Stage.check(replaced.succeeded(), "replaced");
        Stage.same("first", new String(replaced.preValue()), "what was there");
        Stage.same("second", new String(value.get().postValue()), "what is there");
    }

    private interface Numbers {
        AtomicValue<? extends Number> next() throws Exception;
    }

    private static void number(Stage s, java.util.function.Function<CuratorFramework, Numbers> make) throws Exception {
        Set<Long> given = ConcurrentHashMap.newKeySet();
        CuratorFramework[] clients = {s.client(), s.client()};
        s.together(THREADS, i -> () -> {
            Numbers ids = make.apply(clients[i % 2]);
            for (int k = 0; k < 30; k++) {
                AtomicValue<? extends Number> id = ids.next();
                Stage.check(id.succeeded(), "there is a next number");
                Stage.check(given.add(id.postValue().longValue()), "nobody else has it");
                if (i == 0 && k == 10)
                    s.disturb();
            }
        });
        Stage.same(THREADS * 30, given.size(), "numbers");
    }

    static void cachedLong(Stage s) throws Exception {
        number(s, client -> new CachedAtomicLong(makeLong(s, client, false), 10)::next);
    }

    static void cachedInteger(Stage s) throws Exception {
        number(s, client -> new CachedAtomicInteger(
                new DistributedAtomicInteger(client, s.path("int"), new ExponentialBackoffRetry(5, 25, 200)), 10)::next);
    }

    static void sharedCount(Stage s) throws Exception {
        SharedCount one = new SharedCount(s.client(), s.path("shared"), 7);
        SharedCount two = new SharedCount(s.client(), s.path("shared"), 7);
        ConcurrentLinkedQueue<Integer> seen = new ConcurrentLinkedQueue<>();
        two.addListener(new SharedCountListener() {
            @Override
            public void countHasChanged(SharedCountReader count, int now) {
                seen.add(now);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) { }
        });
        one.start();
        two.start();
        Stage.same(7, two.getCount(), "what it begins with");
        one.setCount(8);
        Stage.settles("what the other has", 8, two::getCount);
        VersionedValue<Integer> stale = one.getVersionedValue();
        Stage.check(two.trySetCount(two.getVersionedValue(), 9), "set from what is there");
        Stage.settles("what the one has", 9, one::getCount);
        Stage.check(!one.trySetCount(stale, 10), "not set from what was there");
        s.disturb();
        one.setCount(11);
        Stage.settles("what the other has", 11, two::getCount);
        Stage.eventually("the listener to hear the last", () -> seen.contains(11));
        Stage.check(!seen.contains(10), "what was refused was heard by nobody");
        one.close();
        two.close();
    }

    static void sharedValue(Stage s) throws Exception {
        SharedValue one = new SharedValue(s.client(), s.path("value"), "seed".getBytes());
        SharedValue two = new SharedValue(s.client(), s.path("value"), "seed".getBytes());
        one.start();
        two.start();
        Stage.same("seed", new String(two.getValue()), "what it begins with");
        s.disturb();
        one.setValue("grown".getBytes());
        Stage.settles("what the other has", "grown", () -> new String(two.getValue()));
        Stage.check(two.trySetValue(two.getVersionedValue(), "cut".getBytes()) || s.storm, "set from what is there");
        Stage.settles("what the one has", "cut", () -> new String(one.getValue()));
        one.close();
        two.close();
    }
}
