import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;

/** curator-recipes, leaders and barriers. */
final class Leaders {
    private static List<LeaderLatch> leading(List<LeaderLatch> latches) {
        List<LeaderLatch> result = new ArrayList<>();
        for (LeaderLatch latch : latches)
            if (latch.hasLeadership())
                result.add(latch);
        return result;
    }

    static void latch(Stage s) throws Exception {
        List<LeaderLatch> latches = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            latches.add(new LeaderLatch(s.client(), s.path("latch"), "member " + i));
            latches.get(i).start();
        }
        for (int rest = 3; rest > 0; rest--) {
            int all = rest;
            Stage.eventually("one leader", () -> leading(latches).size() == 1);
            s.disturb();
            Stage.settles("participants", all, () -> latches.get(0).getParticipants().size());
            Stage.eventually("one leader again, of whom all know", () -> {
                List<LeaderLatch> now = leading(latches);
                Stage.check(now.size() <= 1, "two do not lead at once");
                return now.size() == 1 && latches.get(0).getLeader().getId().equals(now.get(0).getId());
            });
            LeaderLatch leader = leading(latches).get(0);
            latches.remove(leader);
            leader.close();
            Stage.check(!leader.hasLeadership(), "who has left does not lead");
        }
    }

    static void latchOfAnEndedSession(Stage s) throws Exception {
        CuratorFramework dying = s.client(), heirs = s.client();
        LeaderLatch first = new LeaderLatch(dying, s.path("latch"), "first");
        LeaderLatch second = new LeaderLatch(heirs, s.path("latch"), "second");
        first.start();
        Stage.check(first.await(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "the first leads");
        second.start();
        Stage.settles("participants", 2, () -> second.getParticipants().size());
        s.disturb();
        s.expire(dying);
        Stage.check(second.await(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "the second leads when the first is gone");
        Stage.eventually("the first to know", () -> !first.hasLeadership());
        Stage.settles("participants, the first among them again", 2, () -> second.getParticipants().size());
        first.close();
        second.close();
    }

    static void selector(Stage s) throws Exception {
        AtomicInteger inside = new AtomicInteger(), terms = new AtomicInteger();
        AtomicBoolean overlap = new AtomicBoolean();
        Map<Integer, AtomicInteger> termsOf = new ConcurrentHashMap<>();
        List<LeaderSelector> selectors = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            AtomicInteger mine = new AtomicInteger();
            termsOf.put(i, mine);
            selectors.add(new LeaderSelector(s.client(), s.path("selector"), new LeaderSelectorListenerAdapter() {
                @Override
                public void takeLeadership(CuratorFramework client) throws Exception {
                    if (inside.incrementAndGet() != 1)
                        overlap.set(true);
                    try {
                        Thread.sleep(40);
                        terms.incrementAndGet();
                        mine.incrementAndGet();
                    } finally {
                        inside.decrementAndGet();
                    }
                }
            }));
            selectors.get(i).autoRequeue();
            selectors.get(i).start();
        }
        Stage.eventually("some terms", () -> terms.get() >= 4);
        s.disturb();
        int before = terms.get();
        Stage.eventually("more of them", () -> terms.get() >= before + 6);
        Stage.eventually("two terms of each", () -> termsOf.values().stream().allMatch(n -> n.get() >= 2));
        for (LeaderSelector selector : selectors)
            selector.close();
        Stage.check(!overlap.get(), "two do not lead at once");
    }

    static void barrier(Stage s) throws Exception {
        CuratorFramework keeper = s.client();
        DistributedBarrier barrier = new DistributedBarrier(keeper, s.path("barrier"));
        barrier.setBarrier();
        CuratorFramework[] clients = {s.client(), s.client()};
        Stage.sync(clients[0], s.path("barrier"));
        Stage.sync(clients[1], s.path("barrier"));
        AtomicInteger passed = new AtomicInteger();
        List<java.util.concurrent.Future<?>> waiters = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            CuratorFramework client = clients[i % 2];
            waiters.add(s.start(() -> {
                new DistributedBarrier(client, s.path("barrier")).waitOnBarrier();
                passed.incrementAndGet();
            }));
        }
        Stage.check(!new DistributedBarrier(clients[0], s.path("barrier")).waitOnBarrier(300, TimeUnit.MILLISECONDS),
                "the barrier stands");
        s.disturb();
        Stage.check(!new DistributedBarrier(clients[1], s.path("barrier")).waitOnBarrier(1500, TimeUnit.MILLISECONDS),
                "it stands whoever leads");
        Stage.same(0, passed.get(), "who has passed");
        barrier.removeBarrier();
        Stage.finish(waiters);
        Stage.same(4, passed.get(), "who has passed");
    }

    static void doubleBarrier(Stage s) throws Exception {
        final int members = 4;
        AtomicInteger came = new AtomicInteger(), entered = new AtomicInteger();
        AtomicInteger going = new AtomicInteger(), left = new AtomicInteger();
        CountDownLatch twoCame = new CountDownLatch(2);
        CuratorFramework[] clients = {s.client(), s.client(), s.client(), s.client()};
        s.together(members + 1, i -> () -> {
            if (i == members) { // not a member: who disturbs
                twoCame.await();
                s.disturb();
                return;
            }
            DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(clients[i], s.path("double"), members);
            if (i >= 2) {
                twoCame.await();
                Thread.sleep(300);
                Stage.same(0, entered.get(), "who is in before all have come");
            }
            came.incrementAndGet();
            twoCame.countDown();
            Stage.check(barrier.enter(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "all enter");
            Stage.same(members, came.get(), "who has come when one is in");
            entered.incrementAndGet();
            Thread.sleep(50 * i);
            Stage.same(0, left.get(), "who is out before all are going");
            going.incrementAndGet();
            Stage.check(barrier.leave(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "all leave");
            // Curator looks again when a connection comes back, and lets out who sees one other left, going or not.
            int atLeast = s.storm ? members - 1 : members;
            Stage.check(going.get() >= atLeast, "who is going when one is out: " + going.get());
            left.incrementAndGet();
        });
        Stage.same(members, left.get(), "who is out");
    }
}
