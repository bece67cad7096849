#!/usr/bin/env node
// Part of the npm package ocgo-key: the command `ocgo-key`, which becomes the program.
import { spawn } from "node:child_process"
import { closeSync, existsSync, openSync } from "node:fs"
import { packageName, program } from "./program.js"

const args = process.argv.slice(2)
if (!existsSync(program)) {
  console.error(`ocgo-key: the package ${packageName} is not installed\nhint: if there is one for this system, install again without --omit=optional: npm install -g ocgo-key`)
  process.exit(1)
}
if (process.execve && process.platform !== "win32") {
  process.emitWarning = () => {} // that it is experimental
  process.execve(program, [program, ...args], process.env)
}

// Older versions of Node.js, and Windows, cannot replace the process, so signals are passed on. A
// signal from a terminal is not: the program gets it from the terminal as well. The handlers are set
// before the program starts, which may send a signal at once.
const passed = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"]
const typed = ["SIGINT", "SIGQUIT"]
for (const name of passed) process.on(name, () => child.kill(name))
for (const name of typed) process.on(name, () => hasTerminal() || child.kill(name))
const child = spawn(program, args, { stdio: "inherit" })
child.on("error", (e) => {
  console.error(`ocgo-key: ${e.message}`)
  process.exit(1)
})
child.on("exit", (code, signal) => {
  if (!signal) process.exit(code)
  for (const name of [...passed, ...typed]) process.removeAllListeners(name)
  process.kill(process.pid, signal)
})

function hasTerminal() {
  if (process.platform === "win32") return true // only a console sends these there
  try {
    closeSync(openSync("/dev/tty"))
    return true
  } catch {
    return false
  }
}
