// node-zookeeper-client doing its whole range on three servers of whatever make.
//
// Usage: node parts.js HOSTS quiet|storm [PATTERN]
//
// In a storm it says 'KILL' for the leader or 'KILL PORT' for one server on standard output, and goes on when the answer is
// 'killed'.
'use strict';
const assert = require('assert');
const readline = require('readline');
const zookeeper = require('node-zookeeper-client');
const { ACL, CreateMode, Exception, Id, Permission } = zookeeper;

const PATIENCE_MS = 60000;
const [hosts, how, pattern] = process.argv.slice(2);
const storm = how === 'storm';
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let root; // of the part that is played
let clients = [];

async function ask(what) {
    console.log(what);
    assert.strictEqual((await answers.next()).value, 'killed');
}

// kill -9 of whoever leads, in a storm: it is dead when this is done, and is started again soon.
async function killLeader() {
    if (storm)
        await ask('KILL');
}

// A client with the library's calls as promises. A call whose connection breaks is made again by the library.
class Client {
    constructor(chroot = '') {
        this.raw = zookeeper.createClient(hosts + chroot, { sessionTimeout: 60000, spinDelay: 50, retries: 8 });
        this.states = [];
        this.raw.on('state', state => this.states.push(state.getName()));
        clients.push(this);
    }

    async open() {
        this.raw.connect();
        await eventually('a connection', () => this.states.includes('SYNC_CONNECTED'));
        return this;
    }

    // In a storm its server is killed, so that it takes another.
    async move() {
        if (!storm)
            return;
        const port = this.raw.connectionManager.socket.remotePort;
        const before = this.states.length;
        await ask(`KILL ${port}`);
        await eventually('another server', () => this.states.indexOf('SYNC_CONNECTED', before) >= 0);
        assert.notStrictEqual(this.raw.connectionManager.socket.remotePort, port);
    }

    async close() {
        const before = this.states.length;
        this.raw.close();
        await eventually('the end of the session', () => this.states.indexOf('DISCONNECTED', before) >= 0);
    }

    // Of a create that was made again the first try may have succeeded; so may that of a removal.
    async create(path, ...rest) {
        return this.call('create', path, ...rest).catch(e => {
            if (!storm || e.code !== Exception.NODE_EXISTS)
                throw e;
            return path;
        });
    }

    async remove(path, ...rest) {
        return this.call('remove', path, ...rest).catch(e => {
            if (!storm || e.code !== Exception.NO_NODE)
                throw e;
        });
    }

    // It has written itself, so what it reads from now on is no older than that.
    async sync() {
        await this.setData(root, Buffer.from('sync'));
    }

    call(name, ...args) {
        return new Promise((resolve, reject) => {
            this.raw[name](...args, (error, ...values) => {
                if (error)
                    reject(error);
                else
                    resolve(values.length > 1 ? values : values[0]);
            });
        });
    }

    commit(transaction) {
        return new Promise(resolve => transaction.commit((error, results) => resolve([error, results])));
    }
}

for (const name of ['exists', 'getData', 'setData', 'getChildren', 'getACL', 'setACL', 'mkdirp', 'removeRecursive',
    'listSubTreeBFS'])
    Client.prototype[name] = function (...args) { return this.call(name, ...args); };

const open = chroot => new Client(chroot).open();
const at = name => `${root}/${name}`;
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

async function eventually(what, holds) {
    const end = Date.now() + PATIENCE_MS;
    while (!await holds()) {
        assert(Date.now() < end, `waited long enough for ${what}`);
        await sleep(20);
    }
}

function gives(code, promise) {
    return assert.rejects(promise, e => {
        assert.strictEqual(e.code, code, `${e} is not ${code}`);
        return true;
    });
}

const number = long => long.readBigInt64BE(0); // Stats hold 64-bit values as bytes

async function nodes() {
    const c = await open();
    assert.strictEqual(await c.create(at('n'), Buffer.from('one')), at('n'));
    let [data, stat] = await c.getData(at('n'));
    assert.strictEqual(data.toString(), 'one');
    assert.strictEqual(stat.version, 0);
    assert.strictEqual(stat.dataLength, 3);
    assert.strictEqual(number(stat.czxid), number(stat.mzxid));
    await gives(Exception.NODE_EXISTS, c.call('create', at('n')));
    await gives(Exception.NO_NODE, c.create(at('no/parent')));
    await gives(Exception.NO_NODE, c.getData(at('no')));
    await gives(Exception.NO_NODE, c.getChildren(at('no')));
    await gives(Exception.BAD_VERSION, c.setData(at('n'), Buffer.from('x'), 7));
    await gives(Exception.BAD_VERSION, c.remove(at('n'), 7));
    assert.strictEqual(await c.exists(at('no')), null);
    await killLeader();
    stat = await c.setData(at('n'), Buffer.from('second'));
    assert(stat.version >= 1);
    assert(number(stat.mzxid) > number(stat.czxid));
    await c.create(at('n/child'));
    await gives(Exception.NOT_EMPTY, c.remove(at('n')));
    const [children, parent] = await c.getChildren(at('n'));
    assert.deepStrictEqual(children, ['child']);
    assert.strictEqual(parent.numChildren, 1);
    await c.remove(at('n/child'), 0);
    await c.remove(at('n'));
    assert.strictEqual(await c.exists(at('n')), null);
}

async function kinds() {
    const c = await open(), other = await open();
    for (let i = 0; i < 3; i++)
        assert.strictEqual(await c.create(at('s-'), CreateMode.PERSISTENT_SEQUENTIAL), at(`s-000000000${i}`));
    await c.create(at('e'), Buffer.from('mine'), CreateMode.EPHEMERAL);
    await gives(Exception.NO_CHILDREN_FOR_EPHEMERALS, c.create(at('e/child')));
    assert.strictEqual(await c.create(at('s-'), CreateMode.EPHEMERAL_SEQUENTIAL), at('s-0000000004'));
    await killLeader();
    await other.sync();
    const stat = await other.exists(at('e'));
    assert.deepStrictEqual(stat.ephemeralOwner, c.raw.getSessionId());
    await c.exists(at('e')); // the connection is back, if it broke
    await c.close();
    await eventually('the ephemerals to end', async () => await other.exists(at('e')) === null);
    assert.strictEqual((await other.getChildren(root))[0].length, 3);
}

async function trees() {
    const c = await open();
    await c.mkdirp(at('a/b/c/d'), Buffer.from('deep'));
    await killLeader();
    await c.mkdirp(at('a/b/x'));
    assert.strictEqual((await c.getData(at('a/b/c/d')))[0].toString(), 'deep');
    // The library lists one level only, with today's release of what it calls.
    assert.deepStrictEqual((await c.listSubTreeBFS(at('a/b'))).sort(), ['a/b', 'a/b/c', 'a/b/x'].map(at));
    await c.removeRecursive(at('a/b/c'));
    await c.removeRecursive(at('a/b'));
    assert.deepStrictEqual((await c.getChildren(at('a')))[0], []);
}

async function permissions() {
    const owner = await open(), stranger = await open();
    owner.raw.addAuthInfo('digest', Buffer.from('ann:secret'));
    await owner.create(at('mine'), Buffer.from('secret'), ACL.CREATOR_ALL_ACL);
    await stranger.sync();
    await gives(Exception.NO_AUTH, stranger.getData(at('mine')));
    await gives(Exception.NO_AUTH, stranger.setData(at('mine'), Buffer.from('x')));
    await owner.move();
    const [acl, stat] = await owner.getACL(at('mine'));
    assert.strictEqual(acl.length, 1);
    assert.strictEqual(acl[0].id.scheme, 'digest');
    assert(acl[0].id.id.startsWith('ann:'));
    assert.strictEqual(acl[0].permission, Permission.ALL);
    assert.strictEqual(stat.aversion, 0);
    await gives(Exception.BAD_VERSION, owner.setACL(at('mine'), ACL.OPEN_ACL_UNSAFE, 7));
    await owner.setACL(at('mine'), [new ACL(Permission.READ, new Id('world', 'anyone'))], 0).catch(e => {
        assert(storm && e.code === Exception.BAD_VERSION, e); // the first try has done it
    });
    await stranger.sync();
    assert.strictEqual((await stranger.getData(at('mine')))[0].toString(), 'secret');
    await gives(Exception.NO_AUTH, owner.setData(at('mine'), Buffer.from('x'))); // now nobody may write
}

async function unknownScheme() {
    const c = await open();
    c.raw.addAuthInfo('nobodys', Buffer.from('x'));
    await eventually('the refusal', () => c.states.includes('AUTH_FAILED'));
}

async function transactions() {
    const c = await open();
    let [error, results] = await c.commit(c.raw.transaction()
        .create(at('n'), Buffer.from('one'))
        .create(at('s-'), null, CreateMode.PERSISTENT_SEQUENTIAL)
        .setData(at('n'), Buffer.from('two'))
        .check(at('n'), 1)
        .create(at('gone'))
        .remove(at('gone')));
    assert.ifError(error);
    assert.strictEqual(results.length, 6);
    assert.strictEqual(results[0].path, at('n'));
    assert.strictEqual(results[1].path, at('s-0000000001')); // the node before counts, though it has no number
    assert.strictEqual(results[2].stat.version, 1);
    await killLeader();
    assert.strictEqual((await c.getData(at('n')))[0].toString(), 'two');
    [error, results] = await c.commit(c.raw.transaction()
        .create(at('half'))
        .check(at('n'), 7)
        .remove(at('n')));
    assert.strictEqual(error.code, Exception.BAD_VERSION);
    assert.deepStrictEqual(results.map(one => one.err), [Exception.OK, Exception.BAD_VERSION, Exception.RUNTIME_INCONSISTENCY]);
    assert.strictEqual(await c.exists(at('half')), null);
    assert.strictEqual((await c.exists(at('n'))).version, 1);
}

async function watches() {
    const c = await open(), writer = await open();
    const heard = [];
    const watcher = event => heard.push(`${event.getName()} ${event.getPath().slice(root.length)}`);
    const hears = count => eventually(`${count} events`, () => heard.length >= count);
    await c.create(at('n'));
    assert.strictEqual(await c.exists(at('later'), watcher), null);
    await c.getData(at('n'), watcher);
    await c.getChildren(at('n'), watcher);
    await c.move(); // they go with it
    await writer.create(at('later'));
    await hears(1);
    await writer.setData(at('n'), Buffer.from('x'));
    await hears(2);
    await writer.create(at('n/child'));
    await hears(3);
    await writer.setData(at('n'), Buffer.from('y')); // told once
    await c.exists(at('later'), watcher);
    await c.move();
    await writer.remove(at('later'));
    await hears(4);
    await sleep(50);
    assert.deepStrictEqual(heard, ['NODE_CREATED /later', 'NODE_DATA_CHANGED /n', 'NODE_CHILDREN_CHANGED /n',
        'NODE_DELETED /later']);
}

// What changes while the client has no server is told when it has one again.
async function watchesMissed() {
    const c = await open(), writer = await open();
    const heard = [];
    for (let i = 0; i < 100; i++) {
        await writer.create(at(`n${i}`));
        await writer.call('getData', at(`n${i}`));
    }
    await c.sync();
    for (let i = 0; i < 100; i++)
        await c.getData(at(`n${i}`), event => heard.push(event.getPath()));
    const moved = c.move();
    for (let i = 0; i < 100; i++)
        await writer.setData(at(`n${i}`), Buffer.from('x'));
    await moved;
    await eventually('a hundred events', () => heard.length >= 100);
    assert.strictEqual(new Set(heard).size, 100);
    assert.strictEqual(heard.length, 100);
}

async function chroots() {
    const whole = await open(), c = await open(root);
    const heard = [];
    assert.strictEqual(await c.exists('/in', event => heard.push(event.getPath())), null);
    await c.move();
    assert.strictEqual(await c.create('/in', Buffer.from('data')), '/in');
    await eventually('the event', () => heard.length > 0);
    assert.deepStrictEqual(heard, ['/in']);
    await whole.sync();
    assert.strictEqual((await whole.getData(at('in')))[0].toString(), 'data');
    assert.deepStrictEqual((await c.getChildren('/'))[0], ['in']);
}

async function sessions() {
    const c = await open(), other = await open();
    assert.strictEqual(c.raw.getSessionTimeout(), 60000);
    assert.strictEqual(c.raw.getSessionPassword().length, 16);
    const id = c.raw.getSessionId();
    await c.create(at('mine'), CreateMode.EPHEMERAL);
    for (let i = 0; i < 3; i++) {
        await c.move();
        assert.notStrictEqual(await c.exists(at('mine')), null);
        assert.deepStrictEqual(c.raw.getSessionId(), id);
    }
    // A twin takes the session and ends it while the first is away; which then learns that.
    const manager = c.raw.connectionManager;
    const connect = manager.connect;
    manager.connect = () => { };
    manager.socket.destroy();
    const twin = new Client();
    twin.raw.connectionManager.sessionId = id;
    twin.raw.connectionManager.sessionPassword = c.raw.getSessionPassword();
    await twin.open();
    assert.deepStrictEqual(twin.raw.getSessionId(), id);
    assert.notStrictEqual(await twin.exists(at('mine')), null);
    await twin.close();
    await eventually('the ephemeral to end', async () => await other.exists(at('mine')) === null);
    manager.connect = connect;
    manager.connect();
    await eventually('the first to learn it', () => c.states.includes('EXPIRED'));
}

async function order() {
    const c = await open(), other = await open();
    await c.create(at('n'));
    const versions = [];
    const all = [];
    for (let i = 0; i < 500; i++) {
        all.push(c.setData(at('n'), Buffer.from(`${i}`)).then(stat => versions.push(stat.version)));
        if (i === 250)
            await killLeader();
    }
    await Promise.all(all);
    assert.strictEqual(versions.length, 500);
    const stat = await c.exists(at('n'));
    if (!c.states.includes('DISCONNECTED')) { // else some were made again
        assert.deepStrictEqual(versions, versions.map((_, i) => i + 1));
        assert.strictEqual(stat.version, 500);
    }
    assert(stat.version >= 500);
    // One counts on what the other has: by version, so that none is lost and none counted twice.
    await c.create(at('count'), Buffer.from('0'));
    const count = async client => {
        for (let done = 0; done < 20;) {
            const [data, now] = await client.getData(at('count'));
            await client.setData(at('count'), Buffer.from(`${Number(data) + 1}`), now.version).then(() => done++, e => {
                assert.strictEqual(e.code, Exception.BAD_VERSION);
                done += client.states.includes('DISCONNECTED') ? 1 : 0;
            });
        }
    };
    await Promise.all([count(c), count(other)]);
    await c.sync();
    const [data, now] = await c.getData(at('count'));
    assert.strictEqual(Number(data), now.version);
    assert(storm || Number(data) === 40);
}

async function large() {
    const c = await open();
    const data = Buffer.alloc(1000000, 'zookeeper');
    await c.create(at('large'), data);
    await killLeader();
    assert((await c.getData(at('large')))[0].equals(data));
    await c.create(at('many'));
    const names = Array.from({ length: 1000 }, (_, i) => `${'n'.repeat(200)}${i}`);
    await Promise.all(names.map(name => c.create(at(`many/${name}`))));
    assert.deepStrictEqual((await c.getChildren(at('many')))[0].sort(), names.sort());
    await c.removeRecursive(at('many'));
}

const parts = {
    'nodes are made, read, changed and removed': nodes,
    'ephemerals end with their session': kinds,
    'trees are made, listed and removed': trees,
    'permissions keep strangers out': permissions,
    'an unknown scheme is refused': unknownScheme,
    'a transaction is all or nothing': transactions,
    'watches tell of every kind of change': watches,
    'watches tell of what was missed': watchesMissed,
    'a client may live below a node': chroots,
    'a session goes with its client': sessions,
    'calls are answered in order, and count': order,
    'large data and many children pass': large,
};

async function main() {
    let run = 0;
    for (const [name, part] of Object.entries(parts)) {
        if (pattern && !name.includes(pattern))
            continue;
        const began = Date.now();
        root = `/${how}-${Object.keys(parts).indexOf(name)}`;
        clients = [];
        try {
            await (await open()).create(root);
            await part();
        } catch (e) {
            console.log(`FAILED: ${name}`);
            throw e;
        }
        for (const client of clients)
            client.raw.close();
        console.log(`ok: ${name} (${((Date.now() - began) / 1000).toFixed(2)} s)`);
        run++;
    }
    console.log(`RAN ${run}`);
}

main().then(() => process.exit(0), e => {
    console.log(e.stack || e);
    process.exit(1);
});
