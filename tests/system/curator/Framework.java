import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.api.transaction.OperationType;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.data.Stat;

/** curator-framework: what the recipes are made of. */
final class Framework {
    static void transactions(Stage s) throws Exception {
        CuratorFramework client = s.client();
        client.create().forPath(s.path("node"), "old".getBytes());
        Collection<CuratorTransactionResult> results = client.transaction().forOperations(
                client.transactionOp().check().withVersion(0).forPath(s.path("node")),
                client.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(s.path("n-")),
                client.transactionOp().setData().forPath(s.path("node"), "new".getBytes()),
                client.transactionOp().create().forPath(s.path("gone")),
                client.transactionOp().delete().forPath(s.path("gone")));
        List<CuratorTransactionResult> list = new ArrayList<>(results);
        Stage.same(5, list.size(), "results");
        Stage.same(OperationType.CREATE, list.get(1).getType(), "the second's kind");
        Stage.check(list.get(1).getResultPath().startsWith(s.path("n-0000000")), "it tells the node's name");
        Stage.same(1, list.get(2).getResultStat().getVersion(), "the version after it");
        Stage.same("new", new String(client.getData().forPath(s.path("node"))), "the data after it");
        Stage.check(client.checkExists().forPath(s.path("gone")) == null, "what it made and deleted is not there");
        s.disturb();
        Stage.refused(KeeperException.BadVersionException.class, () -> client.transaction().forOperations(
                client.transactionOp().create().forPath(s.path("half")),
                client.transactionOp().check().withVersion(9).forPath(s.path("node"))));
        Stage.check(client.checkExists().forPath(s.path("half")) == null, "of a failed one nothing is done");
    }

    /** A name drawn beforehand finds what was made before the connection broke. */
    static void protection(Stage s) throws Exception {
        CuratorFramework client = s.client();
        for (int i = 0; i < 30; i++) {
            if (i == 10)
                s.disturb();
            client.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(s.path("n-"));
        }
        Stage.sync(client, s.root);
        Stage.same(30, client.getChildren().forPath(s.root).size(), "nodes");
    }

    /** Its client does not try again: what a broken connection made of a delete is found out behind its back. */
    static void guaranteedDelete(Stage s) throws Exception {
        CuratorFramework judge = s.client();
        for (int i = 0; i < 20; i++)
            judge.create().forPath(s.path("n" + i));
        AtomicInteger failed = new AtomicInteger();
        try (CuratorFramework client = CuratorFrameworkFactory.builder()
                .connectString(judge.getZookeeperClient().getCurrentConnectionString())
                .sessionTimeoutMs(Stage.SESSION_MS)
                .retryPolicy(new RetryNTimes(0, 0)).build()) {
            client.start();
            Stage.check(client.blockUntilConnected(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "a client connects");
            Stage.sync(judge, s.root);
            s.disturb();
            for (int i = 0; i < 20; i += 2) {
                client.delete().guaranteed().inBackground().forPath(s.path("n" + i));
                try {
                    client.delete().guaranteed().forPath(s.path("n" + (i + 1)));
                } catch (KeeperException.ConnectionLossException e) {
                    failed.incrementAndGet();
                }
            }
            Stage.check(failed.get() == 0 || s.storm, "every delete is answered");
            Stage.eventually("the nodes to be gone", () -> judge.getChildren().forPath(s.root).isEmpty());
        }
    }

    /** A second try of what happened already is no failure. */
    static void idempotence(Stage s) throws Exception {
        CuratorFramework client = s.client();
        for (int i = 0; i < 30; i++) {
            if (i == 10)
                s.disturb();
            client.create().idempotent().forPath(s.path("n" + i), "a".getBytes());
            client.setData().idempotent().withVersion(0).forPath(s.path("n" + i), "b".getBytes());
            if (i % 2 == 0)
                client.delete().idempotent().withVersion(1).forPath(s.path("n" + i));
        }
        Stage.same(15, client.getChildren().forPath(s.root).size(), "nodes");
        for (String name : client.getChildren().forPath(s.root)) {
            Stat stat = new Stat();
            Stage.same("b", new String(client.getData().storingStatIn(stat).forPath(s.path(name))), "the data");
            Stage.same(1, stat.getVersion(), "the version");
        }
    }

    static void kindsOfNodes(Stage s) throws Exception {
        CuratorFramework client = s.client();
        client.create().creatingParentContainersIfNeeded().forPath(s.path("container/child"));
        client.create().withTtl(1000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath(s.path("ttl"));
        String numbered = client.create().withTtl(1000).withMode(CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL)
                .forPath(s.path("t-"));
        Stage.check(numbered.startsWith(s.path("t-00000000")), "a number is added to the name");
        Stage.refused(KeeperException.NoChildrenForEphemeralsException.class, () -> {
            client.create().withMode(CreateMode.EPHEMERAL).forPath(s.path("e"));
            client.create().forPath(s.path("e/child"));
        });
        s.disturb();
        client.delete().quietly().forPath(s.path("container/child"));
        Stage.eventually("the container to end", () -> client.checkExists().forPath(s.path("container")) == null);
        Stage.eventually("the nodes to end at their time", () -> client.checkExists().forPath(s.path("ttl")) == null
                && client.checkExists().forPath(numbered) == null);
    }

    private static final class Answer {
        final AtomicReference<Integer> code = new AtomicReference<>();
        final CountDownLatch came = new CountDownLatch(1);

        void take(int result) {
            code.set(result);
            came.countDown();
        }
    }

    static void background(Stage s) throws Exception {
        CuratorFramework client = s.client();
        List<Answer> answers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            Answer answer = new Answer();
            answers.add(answer);
            client.create().inBackground((c, event) -> answer.take(event.getResultCode())).forPath(s.path("b" + i));
            if (i == 50)
                s.disturb();
        }
        for (Answer answer : answers) {
            Stage.check(answer.came.await(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "every call is answered");
            boolean made = answer.code.get() == 0;
            boolean madeBefore = s.storm && answer.code.get() == KeeperException.Code.NODEEXISTS.intValue();
            Stage.check(made || madeBefore, "every node is made: " + answer.code.get());
        }
        Stage.same(100, client.getChildren().forPath(s.root).size(), "nodes");
        Answer missing = new Answer();
        client.getData().inBackground((c, event) -> missing.take(event.getResultCode())).forPath(s.path("nothing"));
        Stage.check(missing.came.await(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "an error is an answer too");
        Stage.same(KeeperException.Code.NONODE.intValue(), missing.code.get(), "the error");
    }

    static void permissions(Stage s) throws Exception {
        CuratorFramework stranger = s.client();
        try (CuratorFramework owner = CuratorFrameworkFactory.builder()
                .connectString(stranger.getZookeeperClient().getCurrentConnectionString())
                .authorization("digest", "ann:secret".getBytes())
                .sessionTimeoutMs(Stage.SESSION_MS)
                .retryPolicy(new RetryNTimes(40, 100)).build()) {
            owner.start();
            owner.create().withACL(ZooDefs.Ids.CREATOR_ALL_ACL).forPath(s.path("mine"), "secret".getBytes());
            Stage.sync(stranger, s.path("mine"));
            Stage.refused(KeeperException.NoAuthException.class, () -> stranger.getData().forPath(s.path("mine")));
            s.disturb();
            Stage.same("secret", new String(owner.getData().forPath(s.path("mine"))), "who its owner is is remembered");
            Stage.refused(KeeperException.NoAuthException.class, () -> stranger.setData().forPath(s.path("mine")));
            owner.setACL().withACL(ZooDefs.Ids.READ_ACL_UNSAFE).forPath(s.path("mine"));
            Stage.sync(stranger, s.path("mine"));
            Stage.same("secret", new String(stranger.getData().forPath(s.path("mine"))), "now everybody may read");
            Stage.same(ZooDefs.Ids.READ_ACL_UNSAFE, stranger.getACL().forPath(s.path("mine")), "the ACL");
        }
    }

    static void watches(Stage s) throws Exception {
        CuratorFramework watching = s.client(), writer = s.client();
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        org.apache.curator.framework.api.CuratorWatcher watcher = (WatchedEvent event) -> {
            if (event.getPath() != null)
                heard.add(event.getType() + " " + event.getPath().substring(s.root.length()));
        };
        Stage.check(watching.checkExists().usingWatcher(watcher).forPath(s.path("x")) == null, "there is no such node");
        s.disturb(); // the watch goes to another server with its client, or misses nothing where it is
        writer.create().orSetData().forPath(s.path("x"));
        Stage.eventually("the creation to be told", () -> heard.contains("NodeCreated /x"));
        watching.getData().usingWatcher(watcher).forPath(s.path("x"));
        watching.getChildren().usingWatcher(watcher).forPath(s.path("x"));
        writer.create().orSetData().forPath(s.path("x/y"));
        Stage.eventually("the child to be told", () -> heard.contains("NodeChildrenChanged /x"));
        writer.setData().forPath(s.path("x"), "1".getBytes());
        Stage.eventually("the data to be told", () -> heard.contains("NodeDataChanged /x"));
        Stage.same(3, heard.size(), "events");
        watching.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE).usingWatcher(watcher).forPath(s.path("x"));
        writer.create().forPath(s.path("x/z"));
        Stage.eventually("the persistent watch to tell", () -> heard.contains("NodeCreated /x/z"));
        watching.watchers().remove(watcher).forPath(s.path("x"));
        int before = heard.size();
        writer.create().forPath(s.path("x/removed"));
        Stage.sync(watching, s.path("x"));
        watching.getData().forPath(s.path("x"));
        Stage.check(heard.stream().skip(before).noneMatch(e -> e.contains("removed")), "a removed watch tells nothing");
    }

    static void configuration(Stage s) throws Exception {
        CuratorFramework client = s.client();
        String text = new String(client.getConfig().forEnsemble());
        Stage.same(3L, text.lines().filter(line -> line.startsWith("server.")).count(), "servers");
        s.disturb();
        Stage.same(text, new String(client.getConfig().forEnsemble()), "the configuration");
        CuratorFramework below = client.usingNamespace(s.root.substring(1) + "/space");
        below.create().creatingParentsIfNeeded().forPath("/a", "data".getBytes());
        Stage.same("data", new String(client.getData().forPath(s.path("space/a"))), "what is in a namespace");
        client.create().compressed().forPath(s.path("z"), new byte[50000]);
        Stage.check(client.checkExists().forPath(s.path("z")).getDataLength() < 1000, "it is compressed");
        Stage.same(50000, client.getData().decompressed().forPath(s.path("z")).length, "what it was");
    }
}
