// onnxruntime's side of tests/bench/compare: the commands of ours.c that have a meaning here.
//   model PATH THREADS · pixels PATH N · write images PATH · time images N · version
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const folder = path.join(process.argv[2], 'node_modules', 'onnxruntime-node');
const ort = require(folder);

let session, feeds;
const run = async () => (await session.run(feeds)).embedding;

async function answer(words) {
  const [command, ...w] = words;
  if (command === 'version') return [JSON.parse(fs.readFileSync(path.join(folder, 'package.json'))).version];
  if (command === 'model') {
    session = await ort.InferenceSession.create(w[0], {
      executionProviders: ['cpu'], graphOptimizationLevel: 'all', executionMode: 'sequential',
      intraOpNumThreads: Number(w[1]), interOpNumThreads: 1});
    return [];
  }
  if (command === 'pixels') {
    const bytes = fs.readFileSync(w[0]);
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    const side = Math.round(Math.sqrt(values.length / 3 / Number(w[1])));
    feeds = {pixels: new ort.Tensor('float32', values, [Number(w[1]), 3, side, side])};
    return [];
  }
  if (command === 'write') {
    const {data} = await run();
    fs.writeFileSync(w[1], Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return [];
  }
  if (command === 'time') {
    const times = [];
    for (let i = 0; i < Number(w[1]); i++) {
      const wall = process.hrtime.bigint(), cpu = process.cpuUsage();
      await run();
      const used = process.cpuUsage(cpu);
      times.push(Number(process.hrtime.bigint() - wall) / 1e6, (used.user + used.system) / 1e3);
    }
    return times;
  }
  throw new Error(`"${command}" is no command here`);
}

(async () => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    let reply;
    try {
      reply = ['ok', ...await answer(line.split('\t'))];
    } catch (e) {
      reply = ['error', String(e.message).split('\n')[0]];
    }
    process.stdout.write(reply.join('\t') + '\n');
  }
})();
