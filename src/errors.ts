// The few kinds of error that are told apart by their code, never by their text; and their words.
import { getSystemErrorMap } from 'node:util';

/** A server did not pass its check; the message is the reason a person reads. */
export class CheckFailure extends Error {
  readonly code = 'CHECK_FAILED';
  override name = 'CheckFailure';
}

/** A check could not be made, for a lack on this machine: that says nothing about the server. The message says what to do. */
export class CannotCheck extends Error {
  readonly code = 'CANNOT_CHECK';
  override name = 'CannotCheck';
}

/** The kernel's table could not be read or changed; the message says what ipvsadm said. */
export class IpvsError extends Error {
  readonly code = 'IPVS';
  override name = 'IpvsError';
}

/** A command line or start-up problem that ends the program with `exitCode`. */
export class UsageError extends Error {
  readonly code = 'USAGE';
  override name = 'UsageError';
  readonly exitCode: number;
  /** What is to be read before the message: the mistakes of a configuration, each with its line. */
  readonly details: string | undefined;
  constructor(
    message: string,
    exitCode: number,
    options: ErrorOptions & { readonly details?: string | undefined } = {},
  ) {
    super(message, options);
    this.exitCode = exitCode;
    this.details = options.details;
  }
}

/** By its code: the program's files each have a class of their own. */
export function isUsageError(error: unknown): error is UsageError {
  return (error as Partial<UsageError> | undefined)?.code === 'USAGE';
}

/** What the system says of an error of its own, without the name of the call; the error's text when it is none. */
export function systemReason(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? messageOf(error);
}

/** That there is no room on a disk, or none for this user: it passes. */
export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
