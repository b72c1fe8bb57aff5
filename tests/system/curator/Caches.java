import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCacheEvent;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.cache.TreeCacheEvent;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.zookeeper.KeeperException;

/** curator-recipes, caches and persistent watches: what one client changes, the others have. */
@SuppressWarnings("deprecation") // the old caches are still what most programs use
final class Caches {
    private static final int CHANGES = 80;

    /** What a tree should hold: path to data. Changes below `top` are made by chance, always the same ones. */
    private static final class Model {
        final Map<String, String> nodes = new TreeMap<>();
        private final Random random = new Random(4);
        private final Stage s;
        private final CuratorFramework writer;
        private final String top;
        private final int depth;

        Model(Stage s, CuratorFramework writer, String top, int depth) throws Exception {
            this.s = s;
            this.writer = writer;
            this.top = top;
            this.depth = depth;
            writer.create().forPath(top, "top".getBytes());
            nodes.put(top, "top");
        }

        private String somePath() {
            StringBuilder path = new StringBuilder(top);
            for (int level = 1 + random.nextInt(depth); level > 0; level--)
                path.append('/').append((char) ('a' + random.nextInt(4)));
            return path.toString();
        }

        private void remove(String path) throws Exception {
            try {
                writer.delete().forPath(path);
            } catch (KeeperException.NoNodeException e) {
                Stage.check(s.storm, "what is there can be deleted"); // else it is the second try of one that happened
            }
            nodes.remove(path);
        }

        private void put(String path, String data) throws Exception {
            writer.create().orSetData().forPath(path, data.getBytes());
            nodes.put(path, data);
        }

        private void change(int number) throws Exception {
            String path = somePath();
            boolean hasParent = nodes.containsKey(path.substring(0, path.lastIndexOf('/')));
            boolean hasChildren = nodes.keySet().stream().anyMatch(other -> other.startsWith(path + "/"));
            if (nodes.containsKey(path) && !hasChildren && random.nextInt(3) == 0)
                remove(path);
            else if (hasParent)
                put(path, "data " + number);
        }

        void changeAll() throws Exception {
            for (int i = 0; i < CHANGES; i++) {
                if (i == CHANGES / 2)
                    s.disturb();
                change(i);
            }
        }
    }

    static void nodeCache(Stage s) throws Exception {
        CuratorFramework writer = s.client();
        NodeCache cache = new NodeCache(s.client(), s.path("node"));
        AtomicInteger told = new AtomicInteger();
        cache.getListenable().addListener(told::incrementAndGet);
        cache.start(true);
        Stage.check(cache.getCurrentData() == null, "there is no such node");
        writer.create().forPath(s.path("node"), "one".getBytes());
        Stage.eventually("the node to be there", () -> cache.getCurrentData() != null);
        for (int i = 0; i < 20; i++) {
            if (i == 10)
                s.disturb();
            writer.setData().forPath(s.path("node"), ("data " + i).getBytes());
        }
        Stage.settles("the data", "data 19", () -> new String(cache.getCurrentData().getData()));
        Stage.same(writer.checkExists().forPath(s.path("node")), cache.getCurrentData().getStat(), "its Stat");
        writer.delete().forPath(s.path("node"));
        Stage.eventually("the node to be gone", () -> cache.getCurrentData() == null);
        Stage.check(told.get() >= 3, "it was told of the creation, a change and the end");
        cache.close();
    }

    private static Map<String, String> held(Iterable<ChildData> nodes) {
        Map<String, String> result = new TreeMap<>();
        for (ChildData node : nodes)
            result.put(node.getPath(), new String(node.getData()));
        return result;
    }

    static void pathChildrenCache(Stage s) throws Exception {
        Model model = new Model(s, s.client(), s.path("parent"), 1);
        PathChildrenCache cache = new PathChildrenCache(s.client(), s.path("parent"), true);
        Map<String, String> heard = new ConcurrentSkipListMap<>();
        CountDownLatch initialized = new CountDownLatch(1);
        cache.getListenable().addListener((client, event) -> {
            PathChildrenCacheEvent.Type type = event.getType();
            if (type == PathChildrenCacheEvent.Type.INITIALIZED)
                initialized.countDown();
            else if (type == PathChildrenCacheEvent.Type.CHILD_REMOVED)
                heard.remove(event.getData().getPath());
            else if (event.getData() != null)
                heard.put(event.getData().getPath(), new String(event.getData().getData()));
        });
        model.put(s.path("parent") + "/a", "from before");
        cache.start(PathChildrenCache.StartMode.POST_INITIALIZED_EVENT);
        Stage.check(initialized.await(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "it is told when it has all");
        Stage.settles("children", 1, () -> cache.getCurrentData().size());
        model.changeAll();
        Map<String, String> children = new TreeMap<>(model.nodes);
        children.remove(s.path("parent"));
        Stage.settles("the children", children, () -> held(cache.getCurrentData()));
        Stage.settles("what was heard of them", children, () -> new TreeMap<>(heard));
        cache.close();
    }

    private static void collect(TreeCache cache, String path, Map<String, String> into) {
        ChildData here = cache.getCurrentData(path);
        if (here == null)
            return;
        into.put(path, new String(here.getData()));
        Map<String, ChildData> children = cache.getCurrentChildren(path);
        for (String name : children == null ? Collections.<String>emptySet() : children.keySet())
            collect(cache, path + "/" + name, into);
    }

    static void treeCache(Stage s) throws Exception {
        Model model = new Model(s, s.client(), s.path("tree"), 3);
        TreeCache cache = TreeCache.newBuilder(s.client(), s.path("tree")).setCacheData(true).build();
        Map<String, String> heard = new ConcurrentSkipListMap<>();
        cache.getListenable().addListener((client, event) -> {
            if (event.getType() == TreeCacheEvent.Type.NODE_REMOVED)
                heard.remove(event.getData().getPath());
            else if (event.getData() != null)
                heard.put(event.getData().getPath(), new String(event.getData().getData()));
        });
        cache.start();
        model.changeAll();
        Stage.settles("the tree", model.nodes, () -> {
            Map<String, String> now = new TreeMap<>();
            collect(cache, s.path("tree"), now);
            return now;
        });
        Stage.settles("what was heard of it", model.nodes, () -> new TreeMap<>(heard));
        cache.close();
    }

    static void curatorCache(Stage s) throws Exception {
        Model model = new Model(s, s.client(), s.path("tree"), 3);
        CuratorCache cache = CuratorCache.build(s.client(), s.path("tree"));
        CuratorCache single = CuratorCache.build(s.client(), s.path("tree"), CuratorCache.Options.SINGLE_NODE_CACHE);
        Map<String, String> heard = new ConcurrentSkipListMap<>();
        CountDownLatch initialized = new CountDownLatch(1);
        cache.listenable().addListener(CuratorCacheListener.builder()
                .forCreates(node -> heard.put(node.getPath(), new String(node.getData())))
                .forChanges((old, node) -> heard.put(node.getPath(), new String(node.getData())))
                .forDeletes(node -> heard.remove(node.getPath()))
                .forInitialized(initialized::countDown)
                .build());
        cache.start();
        single.start();
        Stage.check(initialized.await(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "it is told when it has all");
        model.changeAll();
        Stage.settles("the tree", model.nodes, () -> held((Iterable<ChildData>) cache.stream()::iterator));
        Stage.settles("what was heard of it", model.nodes, () -> new TreeMap<>(heard));
        Map<String, String> alone = Collections.singletonMap(s.path("tree"), "top");
        Stage.settles("the cache of a single node", alone, () -> held((Iterable<ChildData>) single.stream()::iterator));
        cache.close();
        single.close();
    }

    /** A persistent recursive watch, without a storm: every change is told, once, in order. */
    static void persistentWatcher(Stage s) throws Exception {
        CuratorFramework writer = s.client();
        List<String> expected = new ArrayList<>();
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        PersistentWatcher watcher = new PersistentWatcher(s.client(), s.root, true);
        CountDownLatch set = new CountDownLatch(1);
        watcher.getResetListenable().addListener(set::countDown);
        watcher.getListenable().addListener(event -> {
            if (event.getPath() != null)
                heard.add(event.getType() + " " + event.getPath());
        });
        watcher.start();
        Stage.check(set.await(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "the watch is set");
        for (int i = 0; i < 10; i++) {
            String path = s.path("n" + i);
            writer.create().forPath(path);
            writer.setData().forPath(path, "x".getBytes());
            writer.create().forPath(path + "/child");
            writer.delete().deletingChildrenIfNeeded().forPath(path);
            expected.addAll(Arrays.asList("NodeCreated " + path, "NodeDataChanged " + path, "NodeCreated " + path + "/child",
                    "NodeDeleted " + path + "/child", "NodeDeleted " + path));
        }
        Stage.settles("what was heard", expected, () -> new ArrayList<>(heard));
        s.disturb();
        writer.create().forPath(s.path("last"));
        // The change may come while the watcher is being connected again; then its listener looks for itself.
        CountDownLatch later = new CountDownLatch(1);
        watcher.getListenable().addListener(event -> {
            if (s.path("later").equals(event.getPath()))
                later.countDown();
        });
        Stage.eventually("it to hear of what comes later", () -> {
            writer.create().orSetData().forPath(s.path("later"));
            return later.await(500, TimeUnit.MILLISECONDS);
        });
        watcher.close();
    }
}
