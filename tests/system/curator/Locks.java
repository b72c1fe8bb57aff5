import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphore;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Locker;
import org.apache.curator.framework.recipes.locks.Revoker;
import org.apache.curator.framework.recipes.shared.SharedCount;

/** curator-recipes, locks. */
final class Locks {
    private static final int CONTENDERS = 6;
    private static final int ROUNDS = 5;

    /** A count that only a holder may change: read, then written, so that two at once would lose one. */
    private static void countAlone(Stage s, CuratorFramework client, InterProcessLock lock, AtomicInteger inside)
            throws Exception {
        check(lock.acquire(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "a contender gets the lock in the end");
        try {
            check(inside.incrementAndGet() == 1, "nobody else holds the lock");
            Stage.sync(client, s.path("count"));
            int before = Integer.parseInt(new String(client.getData().forPath(s.path("count"))));
            client.setData().forPath(s.path("count"), Integer.toString(before + 1).getBytes());
            inside.decrementAndGet();
        } finally {
            lock.release();
        }
    }

    private static void contend(Stage s, java.util.function.Function<CuratorFramework, InterProcessLock> make)
            throws Exception {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger done = new AtomicInteger();
        CuratorFramework judge = s.client();
        judge.create().forPath(s.path("count"), "0".getBytes());
        CuratorFramework[] clients = {s.client(), s.client(), s.client()};
        s.together(CONTENDERS, i -> () -> {
            CuratorFramework client = clients[i % clients.length];
            InterProcessLock lock = make.apply(client);
            for (int round = 0; round < ROUNDS; round++) {
                countAlone(s, client, lock, inside);
                if (done.incrementAndGet() == CONTENDERS * ROUNDS / 2)
                    s.disturb();
            }
        });
        Stage.sync(judge, s.path("count"));
        Stage.same("" + CONTENDERS * ROUNDS, new String(judge.getData().forPath(s.path("count"))), "the count");
    }

    static void mutex(Stage s) throws Exception {
        contend(s, client -> new InterProcessMutex(client, s.path("lock")));
        CuratorFramework a = s.client(), b = s.client();
        InterProcessMutex held = new InterProcessMutex(a, s.path("lock"));
        InterProcessMutex other = new InterProcessMutex(b, s.path("lock"));
        held.acquire();
        held.acquire();
        check(!other.acquire(200, TimeUnit.MILLISECONDS), "a held lock is not given away");
        s.disturb();
        check(held.isOwnedByCurrentThread(), "the holder holds it still");
        check(!other.acquire(1500, TimeUnit.MILLISECONDS), "nor after a change of leader");
        held.release();
        check(!other.acquire(200, TimeUnit.MILLISECONDS), "nor after one release of two");
        held.release();
        check(other.acquire(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "it goes to the other after the second");
        Stage.same(1, other.getParticipantNodes().size(), "contenders");
        other.release();
        Stage.settles("contenders", 0, () -> other.getParticipantNodes().size());
    }

    static void mutexOfAnEndedSession(Stage s) throws Exception {
        CuratorFramework dying = s.client(), heir = s.client();
        InterProcessMutex held = new InterProcessMutex(dying, s.path("lock"));
        held.acquire();
        InterProcessMutex waiting = new InterProcessMutex(heir, s.path("lock"));
        CountDownLatch mayRelease = new CountDownLatch(1);
        AtomicBoolean got = new AtomicBoolean();
        Future<?> waiter = s.start(() -> {
            waiting.acquire();
            got.set(true);
            mayRelease.await();
            waiting.release();
        });
        Stage.settles("contenders", 2, () -> waiting.getParticipantNodes().size());
        s.disturb();
        check(!got.get(), "the lock is held");
        s.expire(dying);
        Stage.eventually("the lock to go to the heir", got::get);
        mayRelease.countDown();
        Stage.finish(waiter);
    }

    static void revocation(Stage s) throws Exception {
        CuratorFramework a = s.client(), b = s.client();
        InterProcessMutex held = new InterProcessMutex(a, s.path("lock"));
        CountDownLatch asked = new CountDownLatch(1);
        held.makeRevocable(lock -> asked.countDown());
        held.acquire();
        s.disturb();
        Revoker.attemptRevoke(b, held.getParticipantNodes().iterator().next());
        check(asked.await(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "the holder is asked to give it back");
        held.release();
    }

    static void semaphoreMutex(Stage s) throws Exception {
        contend(s, client -> new InterProcessSemaphoreMutex(client, s.path("lock")));
        InterProcessSemaphoreMutex lock = new InterProcessSemaphoreMutex(s.client(), s.path("lock"));
        lock.acquire();
        check(!lock.acquire(200, TimeUnit.MILLISECONDS), "it cannot be taken twice by one thread");
        Stage.finish(s.start(lock::release));
        check(lock.acquire(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "another thread has released it");
        lock.release();
    }

    static void readWriteLock(Stage s) throws Exception {
        CuratorFramework a = s.client(), b = s.client(), c = s.client();
        InterProcessReadWriteLock one = new InterProcessReadWriteLock(a, s.path("lock"));
        InterProcessReadWriteLock two = new InterProcessReadWriteLock(b, s.path("lock"));
        InterProcessReadWriteLock three = new InterProcessReadWriteLock(c, s.path("lock"));
        one.readLock().acquire();
        check(two.readLock().acquire(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "readers share");
        check(!three.writeLock().acquire(200, TimeUnit.MILLISECONDS), "a writer waits for readers");
        AtomicBoolean written = new AtomicBoolean();
        Future<?> writer = s.start(() -> {
            three.writeLock().acquire();
            written.set(true);
            Thread.sleep(300);
            written.set(false);
            three.writeLock().release();
        });
        Stage.eventually("the writer to queue", () -> three.writeLock().getParticipantNodes().size() == 1);
        s.disturb();
        InterProcessReadWriteLock late = new InterProcessReadWriteLock(a, s.path("lock"));
        Future<?> reader = s.start(() -> {
            late.readLock().acquire();
            check(!written.get(), "a reader behind a writer waits for it");
            late.readLock().release();
        });
        one.readLock().release();
        check(!written.get(), "one reader still reads");
        two.readLock().release();
        Stage.finish(writer);
        Stage.finish(reader);
        one.writeLock().acquire();
        one.readLock().acquire(); // a writer may become a reader
        one.writeLock().release();
        check(two.readLock().acquire(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "what was a writer is a reader now");
        two.readLock().release();
        one.readLock().release();
    }

    private interface Leases {
        Lease take(long patienceMs) throws Exception; // null: it did not come
    }

    private static void share(Stage s, final int leases, java.util.function.Function<CuratorFramework, Leases> make)
            throws Exception {
        AtomicInteger inside = new AtomicInteger(), passed = new AtomicInteger();
        CuratorFramework[] clients = {s.client(), s.client(), s.client(), s.client()};
        s.together(8, i -> () -> {
            Leases mine = make.apply(clients[i % 4]);
            for (int round = 0; round < 3; round++) {
                Lease lease = mine.take(Stage.PATIENCE_MS);
                check(lease != null, "everybody gets a lease in the end");
                check(inside.incrementAndGet() <= leases, "there are not more than so many leases");
                if (passed.incrementAndGet() == 8)
                    s.disturb();
                Thread.sleep(30);
                inside.decrementAndGet();
                lease.close();
            }
        });
        Stage.same(24, passed.get(), "turns");
        for (int i = 0; i < leases; i++)
            check(make.apply(clients[i % 4]).take(Stage.PATIENCE_MS) != null, "so many can be held at once");
        check(make.apply(clients[0]).take(200) == null, "and no more");
    }

    static void semaphore(Stage s) throws Exception {
        share(s, 3, client -> {
            InterProcessSemaphoreV2 mine = new InterProcessSemaphoreV2(client, s.path("semaphore"), 3);
            return ms -> mine.acquire(ms, TimeUnit.MILLISECONDS);
        });
    }

    @SuppressWarnings("deprecation")
    static void oldSemaphore(Stage s) throws Exception {
        share(s, 3, client -> {
            InterProcessSemaphore mine = new InterProcessSemaphore(client, s.path("semaphore"), 3);
            return ms -> mine.acquire(ms, TimeUnit.MILLISECONDS);
        });
    }

    static void locker(Stage s) throws Exception {
        AtomicInteger inside = new AtomicInteger(), passed = new AtomicInteger();
        CuratorFramework[] clients = {s.client(), s.client()};
        s.together(4, i -> () -> {
            InterProcessMutex mutex = new InterProcessMutex(clients[i % 2], s.path("lock"));
            for (int round = 0; round < ROUNDS; round++) {
                try (Locker locked = new Locker(mutex, Stage.PATIENCE_MS, TimeUnit.MILLISECONDS)) {
                    check(inside.incrementAndGet() == 1, "nobody else holds the lock");
                    if (passed.incrementAndGet() == 2 * ROUNDS)
                        s.disturb();
                    Thread.sleep(10);
                    inside.decrementAndGet();
                }
            }
        });
        InterProcessMutex one = new InterProcessMutex(clients[0], s.path("lock"));
        InterProcessMutex two = new InterProcessMutex(clients[1], s.path("lock"));
        try (Locker locked = new Locker(one)) {
            Stage.refused(TimeoutException.class, () -> new Locker(two, 200, TimeUnit.MILLISECONDS).close());
        }
        new Locker(two, Stage.PATIENCE_MS, TimeUnit.MILLISECONDS).close();
    }

    static void semaphoreWhoseSizeChanges(Stage s) throws Exception {
        CuratorFramework a = s.client(), b = s.client();
        SharedCount size = new SharedCount(a, s.path("size"), 0);
        size.start();
        size.setCount(2);
        InterProcessSemaphoreV2 mine = new InterProcessSemaphoreV2(a, s.path("semaphore"), size);
        SharedCount seen = new SharedCount(b, s.path("size"), 0);
        seen.start();
        InterProcessSemaphoreV2 theirs = new InterProcessSemaphoreV2(b, s.path("semaphore"), seen);
        mine.returnAll(mine.acquire(2));
        java.util.Collection<Lease> both = mine.acquire(2);
        check(theirs.acquire(200, TimeUnit.MILLISECONDS) == null, "both leases are taken");
        Future<?> third = s.start(() -> {
            Lease lease = theirs.acquire(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS);
            check(lease != null, "a third is there once the size has grown");
            theirs.returnLease(lease);
        });
        s.disturb();
        size.setCount(3);
        Stage.finish(third);
        mine.returnAll(both);
        size.close();
        seen.close();
    }

    static void multiLock(Stage s) throws Exception {
        CuratorFramework a = s.client(), b = s.client();
        List<String> paths = Arrays.asList(s.path("one"), s.path("two"));
        InterProcessMultiLock all = new InterProcessMultiLock(a, paths);
        InterProcessMutex second = new InterProcessMutex(b, s.path("two"));
        second.acquire();
        check(!all.acquire(300, TimeUnit.MILLISECONDS), "all of them or none");
        InterProcessMutex first = new InterProcessMutex(b, s.path("one"));
        check(first.acquire(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "then the first was given back");
        first.release();
        s.disturb();
        second.release();
        check(all.acquire(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "all of them");
        check(!second.acquire(200, TimeUnit.MILLISECONDS), "now they are held");
        all.release();
    }

    private static void check(boolean holds, String what) {
        Stage.check(holds, what);
    }
}
