// ocgo-key plugin 1
// Written by `ocgo-key install` and taken away by `ocgo-key uninstall`; what is changed here is lost.
//
// It starts a gateway with this OpenCode and points the provider there. The gateway puts the key on each request and
// goes on with the next account at a limit; no key is ever in OpenCode, only the gateway's token.
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmdirSync, unlinkSync } from "node:fs"
import { join } from "node:path"

const PROGRAM = "@PROGRAM@"
const PREPARED = "@PREPARED@" // config folders in which a package-lock.json of ours keeps OpenCode from an install
const TOKEN_HEADER = "x-ocgo-key-token"
const PATIENCE = 10000 // ms; a start that hangs would hang OpenCode

// One gateway for a process, which may load this file once for every folder it works in.
const shared = (globalThis[Symbol.for("ocgo-key")] ??= { clients: new Set(), told: new Set(), gateway: undefined })

const everyClient = (task) => shared.clients.forEach((client) => task(client).catch(() => {}))

function toast(message, variant) {
  everyClient((client) => client.tui.showToast({ body: { title: "ocgo-key", message, variant, duration: 10000 } }))
}

function log(message, level) {
  everyClient((client) => client.app.log({ body: { service: "ocgo-key", level, message } }))
}

// print writes where no screen is drawn; stdout is OpenCode's alone.
function print(message) {
  if (!process.stderr.isTTY || ["run", "serve", "web", "auth", "providers"].includes(process.argv[2])) process.stderr.write(`ocgo-key: ${message}\n`)
}

function notice({ event, text }) {
  if (!text) return
  print(text)
  log(text, event === "switched" ? "info" : "error")
  toast(text, event === "switched" ? "warning" : "error")
}

// complain tells once why there is no gateway. OpenCode's server does not answer yet, and nothing tells when its
// screen is there: the toast stays, by being shown again, until also a slow one has had it or the reason is gone.
function complain(text) {
  if (shared.told.has(text)) return
  shared.told.add(text)
  print(text)
  setTimeout(() => log(text, "error"), 1500).unref?.()
  for (const ms of [1500, 6000, 12000]) setTimeout(() => shared.gateway || toast(text, "error"), ms).unref?.()
}

function byLine(stream, each) {
  let rest = ""
  stream.setEncoding("utf8")
  stream.on("data", (piece) => {
    const lines = (rest + piece).split("\n")
    rest = lines.pop()
    lines.forEach(each)
  })
  stream.on("error", () => {})
}

function start() {
  return new Promise((resolve, reject) => {
    // Apart from our terminal's signals: it ends when its stdin closes, so with this process, however that ends.
    const child = spawn(PROGRAM, ["gateway", "--parent-pipe"], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: process.platform !== "win32",
      windowsHide: true,
    })
    let why = ""
    let begun = false
    let over = false
    const timer = setTimeout(() => fail("its gateway did not start in time"), PATIENCE)
    const fail = (reason) => {
      if (over) return
      over = true
      clearTimeout(timer)
      shared.gateway = undefined
      if (begun) return
      child.stdin?.destroy()
      child.kill()
      reject(new Error(reason))
    }
    child.on("error", (e) => fail(e.code === "ENOENT" ? `${PROGRAM} is not there (install it again, or delete the plugin)` : e.message))
    child.on("close", (code) => fail(why || `its gateway ended with ${code}`))
    if (!child.pid) return
    child.stdin.on("error", () => {})
    byLine(child.stderr, (line) => {
      if (begun) return
      if (line.startsWith("ocgo-key: ")) why = line.slice("ocgo-key: ".length)
      else if (line.startsWith("hint: ")) why += ` (${line.slice("hint: ".length)})`
    })
    byLine(child.stdout, (line) => {
      let message
      try {
        message = JSON.parse(line)
      } catch {
        return
      }
      if (begun) {
        notice(message)
      } else if (!over && message.base_url && message.token) {
        begun = true
        clearTimeout(timer)
        for (const it of [child, child.stdin, child.stdout, child.stderr]) it.unref?.()
        resolve(message)
      }
    })
  })
}

// pastProxies keeps a proxy from what is meant for the gateway, here and in what is started from here. Programs read one
// name of the two, and some the other.
function pastProxies(env) {
  const values = ["NO_PROXY", "no_proxy"].map((name, i, names) => env[name]?.trim() || env[names[1 - i]]?.trim() || "")
  ;["NO_PROXY", "no_proxy"].forEach((name, i) => {
    if (values[i] === "*") return
    const hosts = values[i].split(",").map((host) => host.trim()).filter(Boolean)
    env[name] = [...hosts, ...["127.0.0.1", "localhost"].filter((host) => !hosts.includes(host))].join(",")
  })
}

// giveWay takes our package-lock.json away where the user's own plugins and tools may need what it keeps OpenCode
// from installing. OpenCode installs it at its next start.
function giveWay(folder) {
  const lock = join(folder, "package-lock.json")
  const others = ["plugin", "plugins", "tool", "tools"].flatMap((name) => {
    const dir = join(folder, name)
    return existsSync(dir) ? readdirSync(dir).filter((file) => /\.[jt]s$/.test(file) && file !== "ocgo-key.js") : []
  })
  if (others.length === 0 && !existsSync(join(folder, "package.json"))) return
  if (!existsSync(lock) || JSON.parse(readFileSync(lock, "utf8")).name !== "placeholder-by-ocgo-key") return
  unlinkSync(lock)
  try {
    rmdirSync(join(folder, "node_modules"))
  } catch {} // not empty: it is somebody's
}

// explain makes one line of what a command of ours said.
const explain = (lines) => lines.map((line) => line.replace(/^ocgo-key: /, "").replace(/^hint: (.*)/, "($1)")).join(" ")

// ask runs a command of ours to its end. What it is told goes through stdin, where no other program can see it.
function ask(args, told = "") {
  return new Promise((resolve) => {
    // Under `ocgo-key run` OpenCode's own environment looks like that of its tools, but it is a person who asks here.
    // The mark of a tool's shell stays: an OpenCode that an agent started may add nothing either.
    const { OCGO_KEY_GATEWAY, ...env } = process.env
    const child = spawn(PROGRAM, args, { stdio: ["pipe", "pipe", "pipe"], env, windowsHide: true })
    const out = []
    const why = []
    child.on("error", (e) => resolve({ ok: false, text: e.message }))
    child.on("close", (code) => resolve({ ok: code === 0, text: out.length > 0 ? out.join("\n") : explain(why) }))
    if (!child.pid) return
    child.stdin.on("error", () => {})
    byLine(child.stdout, (line) => out.push(line))
    byLine(child.stderr, (line) => why.push(line))
    child.stdin.end(told)
  })
}

// panel is a method that shows text and stores nothing. `opencode auth login` shows the instructions of method
// "auto" alone; the full screen closes those as soon as the callback is done, and leaves those of "code".
const panel = (label, text) => ({
  type: "oauth",
  label,
  authorize: async () => ({
    url: "",
    instructions: await text(),
    method: ["auth", "providers"].includes(process.argv[2]) ? "auto" : "code",
    callback: async () => ({ type: "success" }),
  }),
})

// status is the table of `list` without the columns for which the panel has no room.
async function status() {
  const lines = (await ask(["list"])).text.split("\n")
  const width = lines[0].indexOf("HELD BY")
  return lines.map((line) => (width < 0 ? line : [...line].slice(0, width).join("").trimEnd())).join("\n")
}

// Of type "oauth", since a key typed into type "api" goes to OpenCode's own file.
const auth = {
  provider: "opencode-go",
  methods: [
    {
      type: "oauth",
      label: "Add Go account",
      prompts: [
        {
          type: "text",
          key: "label",
          message: "What to call the account (may be empty)",
          placeholder: "Work",
          // A label is an argument, which other programs can see.
          validate: (label) => (/^\s*(sk-|oc_sk_)|\S{32}/i.test(label) ? "this looks like a key, which is asked for next" : undefined),
        },
      ],
      authorize: async (inputs) => ({
        url: "https://opencode.ai/auth",
        instructions: "Paste the account's key. It goes into the keychain, and not into OpenCode.",
        method: "code",
        callback: async (key) => {
          const label = inputs?.label?.trim()
          const { ok, text } = await ask(["add", ...(label ? ["--", label] : [])], `${key.trim()}\n`)
          if (ok) return { type: "success", key: "ocgo-placeholder" } // OpenCode wants to store something
          print(text)
          toast(text, "error")
          return { type: "failed" }
        },
      }),
    },
    panel("Manage accounts", async () =>
      ["In a terminal:", ..."rename enable disable replace remove".split(" ").map((name) => `  ocgo-key ${name} LABEL`), "  ocgo-key rotate"].join("\n")),
    panel("Account status", status),
  ],
}

export const OcgoKey = async ({ client }) => {
  const hooks = {
    auth,
    "shell.env": async (input, output) => {
      if (input.sessionID) output.env.OCGO_KEY_AGENT_SHELL = "1"
    },
  }
  if (process.env.OCGO_KEY_GATEWAY) return hooks // under `ocgo-key run`, which has done it all
  pastProxies(process.env)
  shared.clients.add(client)
  hooks.dispose = async () => {
    shared.clients.delete(client)
  }
  hooks.config = async (config) => {
    for (const folder of PREPARED) {
      try {
        giveWay(folder)
      } catch {} // a matter of speed alone
    }
    let gateway
    try {
      gateway = await (shared.gateway ??= start())
    } catch (e) {
      complain(`${e.message}; OpenCode goes on without ocgo-key`)
      return
    }
    config.provider ??= {}
    const provider = (config.provider["opencode-go"] ??= {})
    // The token has a header of its own, which nothing that the user or another plugin sets stands in the way of.
    const headers = Object.entries(provider.options?.headers ?? {}).filter(([name]) => name.toLowerCase() !== TOKEN_HEADER)
    provider.options = {
      ...provider.options,
      baseURL: gateway.base_url,
      apiKey: "ocgo-placeholder",
      headers: { ...Object.fromEntries(headers), [TOKEN_HEADER]: gateway.token },
    }
  }
  return hooks
}
