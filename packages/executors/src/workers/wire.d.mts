/** Types of wire.mjs for the side of the pool; what each is stands there. */
export declare const HEAD: 0;
export declare const TAIL: 1;
export declare const SEQUENCE: 2;
export declare const CLOSED: 3;
export declare const SLEEPING: 4;
export declare const CONTROL_WORDS: number;
export declare const JOBS: number;
export declare const STATUS: 0;
export declare const LENGTH: 1;
export declare const NUMBER: 2;
export declare const CALLABLE: 3;
export declare const FORM: 4;
export declare const SIZE: 5;
export declare const JOB_WORDS: number;
export declare const WAITING: 0;
export declare const WITHDRAWN: -1;
export declare const READ: number;
export declare const PLAIN: 0;
export declare const BYTES: 1;
export declare const LETTER: 2;
export declare const FAILED: 4;
export declare const STATE: 0;
export declare const CURRENT: 1;
export declare const CANCEL: 2;
export declare const SENT: 3;
export declare const RESULT_HEAD: 4;
export declare const RESULT_TAIL: 5;
export declare const WORKER_WORDS: number;
export declare const BUSY: 0;
export declare const ASLEEP: 1;
export declare const RESULTS: number;
export declare const RESULT_FORM: 0;
export declare const RESULT_SIZE: 3;
export declare const RESULT_WORDS: number;
export declare const RUNG: 0;
export declare const POSTED: 1;
export declare const LARGEST: number;
export declare const CLAIM_WAITING: 0;
export declare const CLAIM_TAKEN: 1;
export declare const CLAIM_WITHDRAWN: 2;
export declare const CLAIM_PASSED: 3;
export declare class Slate {
  constructor(buffer: SharedArrayBuffer, start: number, length: number);
  readonly bytes: Uint8Array;
  end: number;
  write(value: unknown, at: number, limit: number): number;
  read(at: number): unknown;
  copy(at: number, size: number): Uint8Array;
}
export declare function ring(bell: Int32Array, port: { postMessage(message: unknown): void }): void;
export declare function isPlainData(value: unknown): boolean;
export declare function toBytes(value: unknown): Uint8Array;
export declare function fromBytes(bytes: Uint8Array): unknown;
export declare class Spin {
  until(words: Int32Array, index: number, value: number): boolean;
}
