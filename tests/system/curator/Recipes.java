/** Curator's recipes, each on servers of whatever make.
 *
 * Usage: java Recipes HOSTS quiet|storm [PATTERN]
 *
 * In a storm each recipe has the leader killed at its most delicate point: it says KILL on standard output and goes on
 * when the answer is 'killed'. */
public final class Recipes {
    private interface Recipe {
        void run(Stage s) throws Exception;
    }

    private static String hosts, pattern;
    private static boolean storm;
    private static int number, run;

    private static void recipe(String name, Recipe recipe) throws Exception {
        number++;
        if (!name.matches(".*" + pattern + ".*"))
            return;
        long began = System.nanoTime();
        int suspended;
        Journal journal = new Journal();
        String root = String.format("/%s-%02d", storm ? "storm" : "quiet", number);
        try (Stage stage = new Stage(hosts, root, storm, journal)) {
            recipe.run(stage);
            suspended = stage.suspended();
        } catch (Throwable e) {
            System.out.println("FAILED: " + name);
            journal.print();
            throw e;
        }
        run++;
        System.out.printf("ok: %s (%.2f s, %d connections lost)%n", name, (System.nanoTime() - began) / 1e9, suspended);
    }

    public static void main(String[] args) throws Exception {
        hosts = args[0];
        storm = args[1].equals("storm");
        pattern = args.length > 2 ? args[2] : "";
        try {
            all();
        } catch (Throwable e) {
            e.printStackTrace(System.out);
            System.exit(1); // whatever threads there are
        }
        System.out.println("RAN " + run);
        System.exit(0);
    }

    private static void all() throws Exception {
        recipe("a mutex has one holder at a time", Locks::mutex);
        recipe("a mutex goes on when its holder's session ends", Locks::mutexOfAnEndedSession);
        recipe("a holder is asked to give a mutex back", Locks::revocation);
        recipe("a semaphore of one is a mutex", Locks::semaphoreMutex);
        recipe("a read-write lock has readers or one writer", Locks::readWriteLock);
        recipe("a semaphore has so many holders", Locks::semaphore);
        recipe("an old semaphore has so many holders", Locks::oldSemaphore);
        recipe("a locker holds a lock for a block", Locks::locker);
        recipe("a semaphore's size is a shared count", Locks::semaphoreWhoseSizeChanges);
        recipe("a multi-lock is all locks or none", Locks::multiLock);
        recipe("a leader latch has one leader", Leaders::latch);
        recipe("a leader latch goes on when its leader's session ends", Leaders::latchOfAnEndedSession);
        recipe("a leader selector gives everybody turns", Leaders::selector);
        recipe("a barrier stands until it is removed", Leaders::barrier);
        recipe("a double barrier is entered and left by all together", Leaders::doubleBarrier);
        recipe("an atomic long counts", Counters::atomicLong);
        recipe("an atomic long counts under a lock", Counters::atomicLongPromotedToLock);
        recipe("an atomic integer and an atomic value are replaced", Counters::atomicIntegerAndValue);
        recipe("a cached long gives each number once", Counters::cachedLong);
        recipe("a cached integer gives each number once", Counters::cachedInteger);
        recipe("a shared count is told to all", Counters::sharedCount);
        recipe("a shared value is told to all", Counters::sharedValue);
        recipe("a node cache has the node", Caches::nodeCache);
        recipe("a path cache has the children", Caches::pathChildrenCache);
        recipe("a tree cache has the tree", Caches::treeCache);
        recipe("a Curator cache has the tree", Caches::curatorCache);
        recipe("a persistent watcher hears of every change", Caches::persistentWatcher);
        recipe("a persistent node is made again", Nodes::persistentNode);
        recipe("a persistent ephemeral node is made again", Nodes::persistentEphemeralNode);
        recipe("a persistent node with a number is there once", Nodes::persistentSequentialNode);
        recipe("a persistent node with a time to live ends with its owner", Nodes::persistentTtlNode);
        recipe("group members know each other", Nodes::groupMember);
        recipe("services are discovered", Nodes::discovery);
        recipe("services are chosen by strategies", Nodes::strategies);
        recipe("a queue gives each item to one", Queues::queue);
        recipe("a queue keeps the order", Queues::queueInOrder);
        recipe("a priority queue orders by priority", Queues::priorityQueue);
        recipe("a delay queue gives nothing before its time", Queues::delayQueue);
        recipe("an id queue removes by id", Queues::idQueue);
        recipe("a queue grows into several", Queues::sharder);
        recipe("a simple queue keeps the order", Queues::simpleQueue);
        recipe("a transaction is all or nothing", Framework::transactions);
        recipe("a protected create makes one node", Framework::protection);
        recipe("a guaranteed delete happens in the end", Framework::guaranteedDelete);
        recipe("an idempotent call is made again", Framework::idempotence);
        recipe("containers and nodes with a time to live end", Framework::kindsOfNodes);
        recipe("calls in the background are all answered", Framework::background);
        recipe("permissions keep strangers out", Framework::permissions);
        recipe("watches tell of every kind of change", Framework::watches);
        recipe("the configuration can be read", Framework::configuration);
    }
}
