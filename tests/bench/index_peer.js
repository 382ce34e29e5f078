// A plain script beside `clipmoe index` for tests/bench/index: ffmpeg decodes key frames and makes them small, onnxruntime encodes
// them in batches. Prints how many pictures there were.
//   node index_peer.js CACHE GRAPH BATCH THREADS VIDEO
const path = require('path');
const {spawn} = require('child_process');
const [cache, graph, batch, threads, video] = process.argv.slice(2);
const ort = require(path.join(cache, 'node_modules', 'onnxruntime-node'));

const SIDE = 224, PIXELS = SIDE * SIDE, N = Number(batch);
const MEAN = [0.48145466, 0.4578275, 0.40821073], STD = [0.26862954, 0.26130258, 0.27577711];

// What a byte of a channel becomes.
const values = MEAN.map((mean, c) => Float32Array.from({length: 256}, (_, byte) => (byte / 255 - mean) / STD[c]));

function place(rgb, to, at) {
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < PIXELS; i++) to[at + c * PIXELS + i] = values[c][rgb[i * 3 + c]];
}

(async () => {
  const session = await ort.InferenceSession.create(graph, {
    executionProviders: ['cpu'], graphOptimizationLevel: 'all', executionMode: 'sequential',
    intraOpNumThreads: Number(threads), interOpNumThreads: 1});
  const ffmpeg = spawn('ffmpeg', ['-v', 'error', '-threads', threads, '-skip_frame', 'nokey', '-i', video, '-vsync', '0',
    '-vf', `scale=-2:${SIDE}:flags=bicubic,crop=${SIDE}:${SIDE}`, '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'],
    {stdio: ['ignore', 'pipe', 'inherit']});
  const pixels = new Float32Array(N * 3 * PIXELS);
  const feeds = {pixels: new ort.Tensor('float32', pixels, [N, 3, SIDE, SIDE])};
  let held = [], bytes = 0, waiting = 0, pictures = 0;
  for await (const chunk of ffmpeg.stdout) {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes < PIXELS * 3) continue;
    let data = Buffer.concat(held);
    for (; data.length >= PIXELS * 3; data = data.subarray(PIXELS * 3)) {
      place(data, pixels, waiting * 3 * PIXELS);
      pictures++;
      if (++waiting === N) {
        await session.run(feeds);
        waiting = 0;
      }
    }
    held = [data];
    bytes = data.length;
  }
  if (waiting) await session.run(feeds);
  if (ffmpeg.exitCode) process.exit(1);
  console.log(pictures);
})();
