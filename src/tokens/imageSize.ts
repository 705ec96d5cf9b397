/** In pixels. */
export interface ImageSize {
  width: number;
  height: number;
}

/** Larger images are scaled down (docs: "Vision"). */
export interface ImageLimit {
  edge: number;
  tokens: number;
}

export const STANDARD_IMAGE_LIMIT: ImageLimit = { edge: 1568, tokens: 1600 };
/** From Opus 4.7 on. */
export const SHARP_IMAGE_LIMIT: ImageLimit = { edge: 2576, tokens: 4784 };

/** Contains the size in every format but JPEG. */
const HEADER_BYTES = 32;
/** A JPEG has its size within a few dozen segments. */
const MAX_SEGMENTS = 1000;

/** Width × height / 750, after the API has scaled the image down (docs: "Vision"). */
export function imageTokens(width: number, height: number, limit = STANDARD_IMAGE_LIMIT): number {
  const scale = Math.min(1, limit.edge / Math.max(width, height));
  return Math.min(limit.tokens, Math.ceil((width * scale * height * scale) / 750));
}

/** Reads the size of a PNG, GIF, WebP or JPEG; undefined for other or incomplete images. */
export function imageSize(base64: string): ImageSize | undefined {
  const bytes = decode(base64, 0, HEADER_BYTES);
  try {
    if (bytes.readUInt32BE(0) === 0x89504e47) return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
    if (bytes.toString("latin1", 0, 4) === "GIF8") {
      return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
    }
    if (bytes.toString("latin1", 8, 12) === "WEBP") return webpSize(bytes);
    if (bytes.readUInt16BE(0) === 0xffd8) return jpegSize(base64);
  } catch {
    // the header is cut off
  }
  return undefined;
}

function decode(base64: string, start: number, length: number): Buffer {
  const first = Math.floor(start / 3);
  const last = Math.ceil((start + length) / 3);
  return Buffer.from(base64.slice(first * 4, last * 4), "base64").subarray(
    start - first * 3,
    start - first * 3 + length,
  );
}

function webpSize(bytes: Buffer): ImageSize | undefined {
  switch (bytes.toString("latin1", 12, 16)) {
    case "VP8 ":
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    case "VP8L": {
      const bits = bytes.readUInt32LE(21);
      return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
    }
    case "VP8X":
      return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  }
  return undefined;
}

function jpegSize(base64: string): ImageSize | undefined {
  let at = 2;
  for (let segment = 0; segment < MAX_SEGMENTS; segment += 1) {
    const bytes = decode(base64, at, 9);
    if (bytes[0] !== 0xff) return undefined;
    const marker = bytes.readUInt8(1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: bytes.readUInt16BE(5), width: bytes.readUInt16BE(7) };
    at += 2 + bytes.readUInt16BE(2);
  }
  return undefined;
}
