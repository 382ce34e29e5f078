// usearch's side of tests/bench/archive: exact search, f32. The commands of archive.c that have a meaning here.
//   open PATH ROWS EMBED THREADS · queries PATH N · write K PATH · time K _ N · memory · version
// PATH: raw f32 rows.
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const folder = path.join(process.argv[2], 'node_modules', 'usearch');
const usearch = require(folder);

const state = {turn: 0};

function floats(file, n) {
  const out = new Float32Array(n), bytes = new Uint8Array(out.buffer), fd = fs.openSync(file, 'r');
  for (let at = 0; at < bytes.length;) {
    const some = fs.readSync(fd, bytes, at, Math.min(1 << 28, bytes.length - at), at);
    if (!some) throw new Error(`${file} is too short`);
    at += some;
  }
  fs.closeSync(fd);
  return out;
}

// slice: a part of an array is taken for the whole of its memory
const query = i => state.queries.slice(i * state.embed, (i + 1) * state.embed);
const search = (i, k) => usearch.exactSearch(state.rows, query(i), state.embed, k, usearch.MetricKind.IP, state.threads);

function answer(command, ...w) {
  if (command === 'version') return [JSON.parse(fs.readFileSync(path.join(folder, 'package.json'))).version];
  if (command === 'open') {
    state.embed = Number(w[2]);
    state.threads = Number(w[3]);
    state.rows = floats(w[0], Number(w[1]) * state.embed);
    return [];
  }
  if (command === 'queries') {
    state.n = Number(w[1]);
    state.queries = floats(w[0], state.n * state.embed);
    return [];
  }
  if (command === 'write') {
    const k = Number(w[0]), out = Buffer.alloc(state.n * k * 16);
    for (let i = 0; i < state.n; i++) {
      const {keys, distances} = search(i, k);
      for (let j = 0; j < k; j++) {
        out.writeBigUInt64LE(BigInt(keys[j]), (i * k + j) * 16);
        out.writeDoubleLE(1 - distances[j], (i * k + j) * 16 + 8);
      }
    }
    fs.writeFileSync(w[1], out);
    return [];
  }
  if (command === 'time') {
    const times = [];
    for (let i = 0; i < Number(w[2]); i++) {
      const wall = process.hrtime.bigint(), cpu = process.cpuUsage();
      search(state.turn++ % state.n, Number(w[0]));
      const used = process.cpuUsage(cpu);
      times.push(Number(process.hrtime.bigint() - wall) / 1e6, (used.user + used.system) / 1e3);
    }
    return times;
  }
  if (command === 'memory') return [process.memoryUsage().rss];
  throw new Error(`"${command}" is no command here`);
}

(async () => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    let reply;
    try {
      reply = ['ok', ...answer(...line.split('\t'))];
    } catch (e) {
      reply = ['error', String(e.message).split('\n')[0]];
    }
    process.stdout.write(reply.join('\t') + '\n');
  }
})();
