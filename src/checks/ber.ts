// The part of ASN.1's basic encoding rules (X.690) that LDAP uses: tags of one byte, lengths that are told, up to a limit.
import { CheckFailure } from '../errors.ts';

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const OCTETS = 0x04;
export const ENUMERATED = 0x0a;
export const SEQUENCE = 0x30;

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** One element; texts are UTF-8. */
export function encode(tag: number, ...contents: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(contents.map((part) => Buffer.from(part as string)));
  const { length } = content;
  const header = length < 0x80 ? [tag, length] : [tag, 0x84, length >>> 24, length >>> 16, length >>> 8, length];
  return Buffer.concat([Buffer.from(header), content]);
}

/** A number from 0 to 127 under any tag whose content is a number or a truth value. */
export function encodeSmall(tag: number, value: number): Buffer {
  return encode(tag, Buffer.from([value]));
}

/**
 * The first element, and how many bytes it takes; undefined while it has not come whole. The content is a view.
 * Throws a CheckFailure as soon as its length is told to be over `maxBytes`, or is no length at all.
 */
export function decode(bytes: Buffer, maxBytes: number): { element: Element; size: number } | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || more > 4) throw new CheckFailure('broken LDAP answer: a length that LDAP does not allow');
  const start = 2 + more;
  if (bytes.length < start) return undefined;
  const length = more === 0 ? first : bytes.readUIntBE(2, more);
  if (length > maxBytes) throw new CheckFailure(`the server announces an answer of ${length} bytes`);
  const size = start + length;
  return bytes.length < size ? undefined : { element: { tag, content: bytes.subarray(start, size) }, size };
}

/** All elements that a content is made of. Throws a CheckFailure when its end cuts one. */
export function decodeAll(content: Buffer): Element[] {
  const elements: Element[] = [];
  for (let rest = content; rest.length > 0; ) {
    const decoded = decode(rest, Number.POSITIVE_INFINITY);
    if (decoded === undefined) throw new CheckFailure('broken LDAP answer: a part of it is cut short');
    elements.push(decoded.element);
    rest = rest.subarray(decoded.size);
  }
  return elements;
}

/** The number that an element of this tag holds. Throws a CheckFailure when it is another, or holds none. */
export function numberOf(element: Element | undefined, tag: number): number {
  const { length } = element?.content ?? [];
  if (element?.tag !== tag || length === 0 || length > 4) {
    throw new CheckFailure('broken LDAP answer: no number where there must be one');
  }
  return element.content.readIntBE(0, length);
}
