import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");
const MAX_COLORS = 256;
const RGB = 2;
const INDEXED = 3;

/** Reduces a picture to its 256 most frequent colors, about a third of its size, because the .vsix contains it. */
export function smallPng(png: Buffer): Buffer {
  const chunks = [...chunksOf(png)];
  const header = Buffer.from(chunks.find(({ type }) => type === "IHDR")?.data ?? []);
  const [depth, colorType] = [header[8], header[9]];
  if (depth !== 8 || (colorType !== RGB && colorType !== 6)) throw new Error("Neither RGB nor RGBA of 8 bits");
  const data = chunks.flatMap((chunk) => (chunk.type === "IDAT" ? [chunk.data] : []));
  const [width, height, channels] = [header.readUInt32BE(0), header.readUInt32BE(4), colorType === RGB ? 3 : 4];
  const pixels = unfilter(inflateSync(Buffer.concat(data)), width * channels, height, channels);
  const colors = Array.from({ length: width * height }, (_, index) => pixels.readUIntBE(index * channels, 3));
  const palette = mostFrequent(colors);
  const indexOf = nearestIn(palette);
  const rows = Buffer.alloc((width + 1) * height);
  for (const [index, color] of colors.entries()) {
    rows[Math.floor(index / width) * (width + 1) + 1 + (index % width)] = indexOf(color);
  }
  header[9] = INDEXED;
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flatMap(partsOf))),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function* chunksOf(png: Buffer): Generator<{ type: string; data: Buffer }> {
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    yield { type: png.toString("latin1", at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) };
    at += length + 12;
  }
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** Reverts the filter of each row. */
function unfilter(raw: Buffer, rowLength: number, height: number, channels: number): Buffer {
  const pixels = Buffer.alloc(rowLength * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (rowLength + 1)] as number;
    for (let x = 0; x < rowLength; x++) {
      const at = y * rowLength + x;
      const left = x >= channels ? (pixels[at - channels] as number) : 0;
      const up = y > 0 ? (pixels[at - rowLength] as number) : 0;
      const corner = x >= channels && y > 0 ? (pixels[at - rowLength - channels] as number) : 0;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] as number;
      pixels[at] = (raw[y * (rowLength + 1) + 1 + x] as number) + predicted;
    }
  }
  return pixels;
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const distances = [left, up, corner].map((value) => Math.abs(estimate - value)) as [number, number, number];
  const nearest = Math.min(...distances);
  if (distances[0] === nearest) return left;
  return distances[1] === nearest ? up : corner;
}

function mostFrequent(colors: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const color of colors) counts.set(color, (counts.get(color) ?? 0) + 1);
  const ordered = [...counts].sort(([, one], [, other]) => other - one);
  return ordered.slice(0, MAX_COLORS).map(([color]) => color);
}

/** Returns a function that finds the nearest color of the palette. */
function nearestIn(palette: readonly number[]): (color: number) => number {
  const known = new Map(palette.map((color, index) => [color, index]));
  return (color) => {
    let best = known.get(color);
    if (best === undefined) {
      const distances = palette.map((other) => distance(color, other));
      best = distances.indexOf(Math.min(...distances));
      known.set(color, best);
    }
    return best;
  };
}

function distance(one: number, other: number): number {
  const parts = partsOf(other);
  return partsOf(one).reduce((sum, part, index) => sum + (part - (parts[index] as number)) ** 2, 0);
}

function partsOf(color: number): number[] {
  return [color >> 16, (color >> 8) & 0xff, color & 0xff];
}
