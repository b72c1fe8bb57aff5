import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentEphemeralNode;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.curator.x.discovery.strategies.RandomStrategy;
import org.apache.curator.x.discovery.strategies.RoundRobinStrategy;
import org.apache.curator.x.discovery.strategies.StickyStrategy;
import org.apache.zookeeper.CreateMode;

/** curator-recipes, nodes, and curator-x-discovery: who is there. */
final class Nodes {
    @SuppressWarnings("deprecation") // it was the persistent node of old
    static void persistentEphemeralNode(Stage s) throws Exception {
        CuratorFramework owner = s.client(), other = s.client();
        PersistentEphemeralNode node = new PersistentEphemeralNode(owner, PersistentEphemeralNode.Mode.PROTECTED_EPHEMERAL,
                s.path("mine"), "data".getBytes());
        node.start();
        Stage.check(node.waitForInitialCreate(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "the node is made");
        Stage.check(node.getActualPath().startsWith(s.path("_c_")), "its name is its own: " + node.getActualPath());
        long session = owner.getZookeeperClient().getZooKeeper().getSessionId();
        s.disturb();
        s.expire(owner);
        Stage.eventually("the node of a new session, alone", () -> {
            List<String> nodes = other.getChildren().forPath(s.root);
            if (nodes.size() != 1)
                return false;
            org.apache.zookeeper.data.Stat stat = other.checkExists().forPath(s.path(nodes.get(0)));
            return stat != null && stat.getEphemeralOwner() != session;
        });
        Stage.same("data", new String(other.getData().forPath(node.getActualPath())), "its data");
        node.close();
        Stage.settles("nodes", List.of(), () -> other.getChildren().forPath(s.root));
    }

    static void persistentNode(Stage s) throws Exception {
        CuratorFramework owner = s.client(), other = s.client();
        PersistentNode node = new PersistentNode(owner, CreateMode.EPHEMERAL, false, s.path("mine"), "data".getBytes());
        node.start();
        Stage.check(node.waitForInitialCreate(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "the node is made");
        long session = owner.getZookeeperClient().getZooKeeper().getSessionId();
        Stage.sync(other, s.path("mine"));
        Stage.same(session, other.checkExists().forPath(s.path("mine")).getEphemeralOwner(), "its owner");
        s.disturb();
        other.delete().quietly().forPath(s.path("mine"));
        Stage.eventually("the node to be made again", () -> other.checkExists().forPath(s.path("mine")) != null);
        node.setData("changed".getBytes());
        Stage.settles("its data", "changed", () -> new String(other.getData().forPath(s.path("mine"))));
        s.expire(owner);
        Stage.eventually("the node of a new session", () -> {
            org.apache.zookeeper.data.Stat stat = other.checkExists().forPath(s.path("mine"));
            return stat != null && stat.getEphemeralOwner() != session;
        });
        Stage.same("changed", new String(other.getData().forPath(s.path("mine"))), "its data");
        node.close();
        Stage.eventually("the node to be gone", () -> other.checkExists().forPath(s.path("mine")) == null);
    }

    static void persistentSequentialNode(Stage s) throws Exception {
        CuratorFramework owner = s.client();
        owner.create().forPath(s.path("list"));
        PersistentNode node = new PersistentNode(owner, CreateMode.EPHEMERAL_SEQUENTIAL, true, s.path("list/n-"), new byte[0]);
        node.start();
        Stage.check(node.waitForInitialCreate(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "the node is made");
        String first = node.getActualPath();
        s.disturb();
        owner.delete().quietly().forPath(first);
        Stage.eventually("the node to be made again", () -> owner.checkExists().forPath(node.getActualPath()) != null);
        Stage.same(1, owner.getChildren().forPath(s.path("list")).size(), "nodes, protected against being made twice");
        node.close();
    }

    /** The server ends it soon after its owner has stopped touching it. */
    static void persistentTtlNode(Stage s) throws Exception {
        CuratorFramework owner = s.client(), other = s.client();
        PersistentTtlNode node = new PersistentTtlNode(owner, s.path("ttl"), 1000, "data".getBytes());
        node.start();
        Stage.check(node.waitForInitialCreate(Stage.PATIENCE_MS, TimeUnit.MILLISECONDS), "the node is made");
        s.disturb();
        Thread.sleep(3000);
        Stage.same("data", new String(other.getData().forPath(s.path("ttl"))), "its data, while it is touched");
        node.close();
        Stage.eventually("the node to end", () -> other.checkExists().forPath(s.path("ttl")) == null);
    }

    private static Map<String, String> members(GroupMember member) {
        Map<String, String> result = new TreeMap<>();
        member.getCurrentMembers().forEach((id, data) -> result.put(id, new String(data)));
        return result;
    }

    static void groupMember(Stage s) throws Exception {
        List<GroupMember> all = new ArrayList<>();
        List<CuratorFramework> clients = new ArrayList<>();
        Map<String, String> expected = new TreeMap<>();
        for (int i = 0; i < 3; i++) {
            clients.add(s.client());
            all.add(new GroupMember(clients.get(i), s.path("group"), "member" + i, ("data " + i).getBytes()));
            all.get(i).start();
            expected.put("member" + i, "data " + i);
        }
        for (GroupMember one : all)
            Stage.settles("the members", expected, () -> members(one));
        s.disturb();
        all.get(0).setThisData("changed".getBytes());
        expected.put("member0", "changed");
        for (GroupMember one : all)
            Stage.settles("the members", expected, () -> members(one));
        s.expire(clients.get(1)); // who comes back with a new session
        for (GroupMember one : all)
            Stage.settles("the members", expected, () -> members(one));
        all.remove(2).close();
        expected.remove("member2");
        for (GroupMember one : all)
            Stage.settles("the members", expected, () -> members(one));
        for (GroupMember one : all)
            one.close();
    }

    private static ServiceInstance<String> instance(String id, int port, String payload) throws Exception {
        return ServiceInstance.<String>builder()
                .name("service").id(id).address("127.0.0.1").port(port).payload(payload).build();
    }

    private static Map<String, String> found(Iterable<ServiceInstance<String>> instances) {
        Map<String, String> result = new HashMap<>();
        for (ServiceInstance<String> one : instances)
            result.put(one.getId(), one.getPayload() + ":" + one.getPort());
        return result;
    }

    /** Three instances, each of a client of its own. */
    private static List<ServiceDiscovery<String>> discoveries(Stage s, List<CuratorFramework> clients) throws Exception {
        List<ServiceDiscovery<String>> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            clients.add(s.client());
            all.add(ServiceDiscoveryBuilder.builder(String.class).client(clients.get(i)).basePath(s.path("services"))
                    .thisInstance(instance("i" + i, 8000 + i, "p" + i)).build());
            all.get(i).start();
        }
        return all;
    }

    private static TreeSet<String> named(ServiceProvider<String> provider, int turns) throws Exception {
        TreeSet<String> ids = new TreeSet<>();
        for (int i = 0; i < turns; i++) {
            ServiceInstance<String> one = provider.getInstance(); // null: there is none at the moment
            if (one != null)
                ids.add(one.getId());
        }
        return ids;
    }

    static void strategies(Stage s) throws Exception {
        List<ServiceDiscovery<String>> all = discoveries(s, new ArrayList<>());
        ServiceProvider<String> random = all.get(2).serviceProviderBuilder().serviceName("service")
                .providerStrategy(new RandomStrategy<>()).build();
        StickyStrategy<String> strategy = new StickyStrategy<>(new RandomStrategy<>());
        ServiceProvider<String> sticky = all.get(2).serviceProviderBuilder().serviceName("service")
                .providerStrategy(strategy).build();
        random.start();
        sticky.start();
        TreeSet<String> expected = new TreeSet<>(List.of("i0", "i1", "i2"));
        Stage.settles("the instances named by chance", expected, () -> named(random, 60));
        Stage.eventually("one to stick to", () -> sticky.getInstance() != null);
        ServiceInstance<String> chosen = sticky.getInstance();
        Stage.same(new TreeSet<>(List.of(chosen.getId())), named(sticky, 60), "the one it sticks to");
        Stage.same(0, strategy.getInstanceNumber(), "how often it chose another");
        all.get(Integer.parseInt(chosen.getId().substring(1))).unregisterService(chosen);
        expected.remove(chosen.getId());
        s.disturb();
        Stage.settles("the instances named by chance", expected, () -> named(random, 60));
        Stage.eventually("another to stick to", () -> expected.containsAll(named(sticky, 1)) && sticky.getInstance() != null);
        Stage.check(strategy.getInstanceNumber() > 0, "it knows that it is another");
        random.close();
        sticky.close();
        for (ServiceDiscovery<String> one : all)
            one.close();
    }

    static void discovery(Stage s) throws Exception {
        List<CuratorFramework> clients = new ArrayList<>();
        List<ServiceDiscovery<String>> all = discoveries(s, clients);
        Map<String, String> expected = new HashMap<>(Map.of("i0", "p0:8000", "i1", "p1:8001", "i2", "p2:8002"));
        Stage.settles("the instances", expected, () -> found(all.get(0).queryForInstances("service")));
        Stage.settles("the services", List.of("service"), () -> new ArrayList<>(all.get(1).queryForNames()));
        ServiceCache<String> cache = all.get(1).serviceCacheBuilder().name("service").build();
        cache.start();
        ServiceProvider<String> provider = all.get(2).serviceProviderBuilder().serviceName("service")
                .providerStrategy(new RoundRobinStrategy<>()).build();
        provider.start();
        Stage.eventually("the provider to name each of them", () -> named(provider, 3).size() == 3);
        s.disturb();
        all.get(0).updateService(instance("i0", 9000, "new"));
        expected.put("i0", "new:9000");
        Stage.settles("the instances", expected, () -> found(all.get(1).queryForInstances("service")));
        // Its owner makes the node again when it reconnects. If the cache had no connection meanwhile, it does not notice,
        // for it compares no more than the node's versions, and both are 0; the next change it hears of.
        if (s.storm)
            all.get(0).updateService(instance("i0", 9000, "new"));
        Stage.settles("the instances in the cache", expected, () -> found(cache.getInstances()));
        s.expire(clients.get(0)); // who registers again with a new session
        Stage.settles("the instances", expected, () -> found(all.get(1).queryForInstances("service")));
        Stage.settles("the instances in the cache", expected, () -> found(cache.getInstances()));
        all.get(2).unregisterService(instance("i2", 8002, "p2"));
        expected.remove("i2");
        Stage.settles("the instances", expected, () -> found(cache.getInstances()));
        provider.close();
        cache.close();
        for (ServiceDiscovery<String> one : all)
            one.close();
    }
}
