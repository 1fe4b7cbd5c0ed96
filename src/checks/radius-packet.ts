// RADIUS packets (RFC 2865), as far as one Access-Request and its answer need them: made, verified and read.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** What makes a request, the random parts too. */
export interface AccessRequest {
  readonly identifier: number;
  /** 16 random bytes. */
  readonly authenticator: Buffer;
  readonly user: string;
  readonly password: string;
  readonly secret: string;
  /** The address that the request is sent from. */
  readonly from: string;
}

export const CODE = { accessRequest: 1, accessAccept: 2, accessReject: 3, accessChallenge: 11 } as const;
export const ATTRIBUTE = {
  userName: 1,
  userPassword: 2,
  nasIpAddress: 4,
  replyMessage: 18,
  nasIdentifier: 32,
  messageAuthenticator: 80,
  nasIpv6Address: 95,
} as const;
/** The longest password that can be hidden, and the longest value of any attribute. */
export const MAX_PASSWORD_BYTES = 128;
export const MAX_VALUE_BYTES = 253;

const AUTHENTICATOR_AT = 4;
const HEADER_BYTES = 20;
const DIGEST_BYTES = 16;
const NO_DIGEST = Buffer.alloc(DIGEST_BYTES);

/**
 * An Access-Request for a password (PAP). Its Message-Authenticator stands first, where a forger cannot put anything before it
 * (the advice against BlastRADIUS). No Service-Type and no NAS-Port: servers need neither, and rules of theirs that ask for
 * a certain one would refuse another.
 */
export function accessRequest({ identifier, authenticator, user, password, secret, from }: AccessRequest): Buffer {
  const attributes = Buffer.concat([
    attribute(ATTRIBUTE.messageAuthenticator, NO_DIGEST),
    attribute(ATTRIBUTE.userName, Buffer.from(user)),
    attribute(ATTRIBUTE.userPassword, hiddenPassword(password, secret, authenticator)),
    isIPv4(from)
      ? attribute(ATTRIBUTE.nasIpAddress, Buffer.from(from.split('.').map(Number)))
      : attribute(ATTRIBUTE.nasIpv6Address, ipv6Bytes(from)),
    attribute(ATTRIBUTE.nasIdentifier, Buffer.from('tsdirectord')),
  ]);
  const header = Buffer.from([CODE.accessRequest, identifier, 0, 0]);
  header.writeUInt16BE(HEADER_BYTES + attributes.length, 2);
  const packet = Buffer.concat([header, authenticator, attributes]);
  hmac(packet, secret).copy(packet, HEADER_BYTES + 2);
  return packet;
}

/** RFC 2865, 5.2: each 16 bytes are mixed with a digest of the secret and of what came before them. */
export function hiddenPassword(password: string, secret: string, authenticator: Buffer): Buffer {
  const plain = Buffer.from(password);
  const hidden = Buffer.alloc(Math.max(1, Math.ceil(plain.length / DIGEST_BYTES)) * DIGEST_BYTES);
  plain.copy(hidden);
  let before = authenticator;
  for (let at = 0; at < hidden.length; at += DIGEST_BYTES) {
    const block = hidden.subarray(at, at + DIGEST_BYTES);
    md5(Buffer.from(secret), before).forEach((byte, index) => {
      block[index] = (block[index] ?? 0) ^ byte;
    });
    before = block;
  }
  return hidden;
}

/** A whole packet with the request's identifier; whether it is genuine must be asked. */
export interface Answer {
  readonly packet: Buffer;
  readonly code: number;
  readonly attributes: readonly Attribute[];
}
export interface Attribute {
  readonly type: number;
  /** A view of the packet. */
  readonly value: Buffer;
}

/** Undefined for a datagram that can be no answer to the request. */
export function parseAnswer(datagram: Buffer, request: Buffer): Answer | undefined {
  if (datagram.length < HEADER_BYTES || datagram[1] !== request[1]) return undefined;
  const length = datagram.readUInt16BE(2);
  if (length < HEADER_BYTES || length > datagram.length) return undefined;
  // What follows it is padding.
  const packet = datagram.subarray(0, length);
  const attributes = attributesOf(packet);
  return attributes && { packet, code: packet.readUInt8(0), attributes };
}

/** Whether somebody who knows the secret answered this very request: by the packet's authenticator, and Message-Authenticator if there is one. */
export function isGenuine({ packet, attributes }: Answer, request: Buffer, secret: string): boolean {
  const asked = Buffer.from(packet);
  request.copy(asked, AUTHENTICATOR_AT, AUTHENTICATOR_AT, HEADER_BYTES);
  const authenticator = packet.subarray(AUTHENTICATOR_AT, HEADER_BYTES);
  if (!timingSafeEqual(md5(asked, Buffer.from(secret)), authenticator)) return false;
  const signature = attributes.find(({ type }) => type === ATTRIBUTE.messageAuthenticator)?.value;
  if (signature === undefined) return true;
  if (signature.length !== DIGEST_BYTES) return false;
  asked.fill(0, signature.byteOffset - packet.byteOffset, signature.byteOffset - packet.byteOffset + DIGEST_BYTES);
  return timingSafeEqual(hmac(asked, secret), signature);
}

function attributesOf(packet: Buffer): Attribute[] | undefined {
  const attributes: Attribute[] = [];
  for (let at = HEADER_BYTES; at < packet.length; ) {
    const length = packet[at + 1] ?? 0;
    if (length < 2 || at + length > packet.length) return undefined;
    attributes.push({ type: packet.readUInt8(at), value: packet.subarray(at + 2, at + length) });
    at += length;
  }
  return attributes;
}

function attribute(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, 2 + value.length]), value]);
}

/** WHATWG's writing of an address has no dotted quad in it, only groups and at most one "::". */
function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return Buffer.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}

function md5(...parts: Buffer[]): Buffer {
  try {
    return createHash('md5').update(Buffer.concat(parts)).digest();
  } catch (error) {
    throw new Error('RADIUS needs MD5, which OpenSSL refuses on this machine (FIPS mode?)', { cause: error });
  }
}

function hmac(packet: Buffer, secret: string): Buffer {
  return createHmac('md5', secret).update(packet).digest();
}
