/** The one command that runs a schedule again. */
import { relative } from "node:path";
import { REPLAY_VARIABLE } from "../replay-variable.ts";

/** What a command is for. */
export interface Replayed {
  readonly token: string;
  /** Of the test, with those of the suites around it, as `-t` sees it. */
  readonly fullName: string;
  /** Of its file, absolute. */
  readonly path: string;
  /** vitest's, absolute; of the project, where there are several. */
  readonly root: string;
  /** The name of the project, where there are several. */
  readonly project: string | undefined;
}

/** Where a command is to be typed. */
export interface Shell {
  readonly cwd: string;
  /** Whether it is one of Windows' own: cmd, PowerShell. */
  readonly isWindows: boolean;
}

/** The shell that this process was started from, as far as that is known: Git's bash on Windows says so. */
export function shellHere(): Shell {
  const isWindows = process.platform === "win32" && process.env["MSYSTEM"] === undefined;
  return { cwd: process.cwd(), isWindows };
}

/**
 * One line, for the folder in which vitest was started. The name is a pattern, and a dot in it stands for a character that a shell might
 * take for its own. On Windows cmd and PowerShell agree neither on variables nor on quotes: cmd is called from either, and within its
 * quotes nothing stands that would need more of them. Options that vitest was given besides (`--config`) are to be added.
 */
export function commandFor({ token, fullName, path, root, project }: Replayed, shell: Shell): string {
  const { cwd, isWindows } = shell;
  const quoted = isWindows ? forWindows : forPosix;
  const words = ["npx vitest run"];
  if (project !== undefined)
    words.push("--project", isWindows ? project.replace(/[^\w@.-]/g, "*") : quoted(project));
  else if (root !== cwd) words.push("--root", quoted(slashed(relative(cwd, root))));
  const file = slashed(relative(cwd, path));
  if (isWindows) {
    words.push(endOf(file), "-t", fullName.replace(/\W/g, "."));
    return `cmd /c "set ${REPLAY_VARIABLE}=${token}&& ${words.join(" ")}"`;
  }
  words.push(quoted(file), "-t", patternOf(fullName));
  return `${REPLAY_VARIABLE}=${token} ${words.join(" ")}`;
}

/** The whole of a name, which may be the beginning of another one. */
function patternOf(name: string): string {
  const pattern = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/'|[^\S ]/g, "[^]");
  return `'^${pattern}$'`;
}

function forPosix(word: string): string {
  return isPlain(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** cmd alone takes them. */
function forWindows(word: string): string {
  return isPlain(word) ? word : `"${word}"`;
}

function isPlain(word: string): boolean {
  return /^[\w./@-]+$/.test(word);
}

/** As much as needs no quotes: vitest looks for files by a part of their path. */
function endOf(path: string): string {
  return /[\w./@-]*$/.exec(path)?.[0] ?? path;
}

function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}
