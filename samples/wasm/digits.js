// Classify 8x8 greyscale images with the model compiled from samples/digits to WebAssembly: node digits.js DIGITS.wasm FILE.pgm...
// A browser does the same with fetch and WebAssembly.instantiateStreaming.
"use strict";
const fs = require("fs");

// Ink from 0 to 1 of a plain PGM file.
function readImage(path) {
  const words = fs.readFileSync(path, "latin1").replace(/#.*/g, "").split(/\s+/).filter(word => word);
  if (words[0] !== "P2" || words[1] !== "8" || words[2] !== "8") throw new Error(`${path} is no plain PGM file of 8x8 pixels`);
  return words.slice(4).map(word => Number(word) / Number(words[3]));
}

const [program, ...images] = process.argv.slice(2);
if (images.length === 0) {
  console.error("usage: node digits.js DIGITS.wasm FILE.pgm...");
  process.exit(2);
}
const {exports: model} = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(program)), {});
const floats = (address, count) => new Float32Array(model.memory.buffer, address, count);
for (const path of images) {
  floats(model.image(), 64).set(readImage(path));
  const status = model.classify();
  if (status !== 0) throw new Error(`the model can't be run (status ${status})`);
  const probabilities = Array.from(floats(model.probabilities(), 10));
  const label = probabilities.indexOf(Math.max(...probabilities));
  console.log(`${path}: label ${label}, probability ${probabilities[label].toFixed(3)}`);
}
