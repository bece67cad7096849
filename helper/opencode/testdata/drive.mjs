// This program stands in for OpenCode 2. It calls a plugin with a context, and prints the plugin's
// actions as JSON. Usage: node drive.mjs PLUGIN SCENARIO [--service]
import { createHmac } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"

const [, , path, scenario] = process.argv
const plugin = (await import(path)).default
const hooks = {}
const done = { hooks: [], methods: {}, removed: [] }
const method = {
  list: () => [{ type: "key" }, { type: "env" }],
  remove: (_, it) => done.removed.push(it.type),
  update: (it) => (done.methods[it.method.label] = it),
}
const ctx = {
  app: {},
  session: { hook: async (name, hook, filter) => ((hooks[name] = hook), done.hooks.push(`${name} ${filter.providerID}`)) },
  shell: { hook: async (name, hook) => ((hooks[name] = hook), done.hooks.push(name)) },
  provider: {
    transform: async (change) => {
      done.provider = { settings: { chunkTimeout: 5 }, integrationID: "opencode-go", activation: "auto" }
      change({ get: () => done.provider, update: (_, edit) => edit(done.provider) })
    },
  },
  integration: { transform: async (change) => change({ get: () => ({}), method }) },
}

// request has the plugin redirect a request, and returns the new address and headers.
async function request(url, headers = {}) {
  const event = { request: new Request(url, { method: "POST", headers: { ...headers, "x-opencode-session": "ses_1" }, body: "the body" }) }
  try {
    await hooks["http.request"](event)
  } catch (e) {
    return { error: e.message }
  }
  return { url: event.request.url, headers: Object.fromEntries(event.request.headers), body: await event.request.text() }
}

// In these tests the gateway is a script that does not listen on a port. This function answers in
// its place, and in the place of another program that took the gateway's port.
const seen = (done.seen = [])
let strangers = 0
globalThis.fetch = async (url, { headers }) => {
  const { token } = globalThis[Symbol.for("ocgo-key 2")].address
  if (strangers-- > 0) {
    seen.push(`${url} ${JSON.stringify(headers)}`)
    return new Response(null, { status: 204, headers: { "x-ocgo-key-proof": headers["x-ocgo-key-challenge"] } })
  }
  const proof = createHmac("sha256", token).update(`ocgo-key gateway\n${headers["x-ocgo-key-challenge"]}`).digest("hex")
  return new Response(null, { status: 204, headers: { "x-ocgo-key-proof": proof } })
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const URLS = ["https://opencode.ai/zen/go/v1/chat/completions", "http://other.example/a/messages/b/messages?beta=true", "http://127.0.0.1:1/zen/go/v1/responses"]
const KEYS = { authorization: "Bearer sk-foreign", "x-api-key": "sk-foreign", "api-key": "sk-foreign", "x-goog-api-key": "sk-foreign", "x-ocgo-key-token": "old" }

const scenarios = {
  async opencode1() {
    done.result = (await plugin.setup({ client: {} })) === undefined
  },
  async twice() {
    await plugin.setup(ctx)
    const stop = await plugin.setup(ctx)
    writeFileSync("go", "") // the gateway script waits for this file
    done.requests = []
    for (const url of URLS) done.requests.push(await request(url, KEYS))
    done.unknown = await request("http://127.0.0.1:1/zen/go/v1/usage")
    done.proxies = [process.env.NO_PROXY, process.env.no_proxy]
    done.stop = typeof stop
  },
  async dies() {
    await plugin.setup(ctx)
    const first = await request(URLS[0])
    process.kill(Number(first.headers["x-ocgo-key-token"]), "SIGKILL") // the token of the gateway script is its process id
    const end = Date.now() + 20000
    for (let next = first; next.headers["x-ocgo-key-token"] === first.headers["x-ocgo-key-token"] && Date.now() < end; await sleep(10)) done.next = next = await request(URLS[0])
    done.first = first
  },
  async strangers() {
    await plugin.setup(ctx)
    done.first = await request(URLS[0])
    strangers = 1
    done.next = await request(URLS[0])
    strangers = 99
    done.requests = [await request(URLS[0])]
  },
  async fails() {
    await plugin.setup(ctx)
    done.requests = [await request(URLS[0]), await request(URLS[0])]
    done.notices = JSON.parse(readFileSync(process.env.NOTICES, "utf8"))
  },
  async shell() {
    await plugin.setup(ctx)
    done.env = { PATH: "/bin", OTHER: `http://127.0.0.1/${process.env.OCGO_KEY_GATEWAY_TOKEN}/x`, OCGO_KEY_GATEWAY: "x", OCGO_KEY_GATEWAY_TOKEN: "y", OPENCODE_CONFIG_CONTENT: '{"apiKey":"ocgo-placeholder"}' }
    hooks["create.before"]?.({ env: done.env })
    done.own = { OPENCODE_CONFIG_CONTENT: "{}" }
    hooks["create.before"]?.({ env: done.own })
    if (hooks["http.request"]) done.requests = [await request(URLS[1], KEYS)]
  },
  async connect() {
    await plugin.setup(ctx)
    const add = done.methods["Add Go account"]
    const { callback, ...shown } = await add.authorize({ label: " Work " })
    done.shown = shown
    done.stored = await callback(" sk-typed \n")
    done.pattern = ["", "Work", "sk-abc", "oc_sk_abc", " SK-ABC", "OC_SK_ABC", "x".repeat(32), "a ".repeat(20)].map((label) => new RegExp(add.method.form[0].pattern).test(label))
    done.panel = await (await done.methods["Account status"].authorize({})).callback("x").catch((e) => e.message)
  },
  async throws() {
    const refuse = async () => {
      throw new Error("not here")
    }
    await plugin.setup({ ...ctx, provider: { transform: refuse }, shell: { hook: refuse }, integration: { transform: refuse } })
  },
  async toasts() {
    const shown = (done.toasts = [])
    const stop = await plugin.setup({ ui: { toast: { show: (it) => shown.push(it.message) } } })
    const end = Date.now() + 20000
    if (stop) while (shown.length < 2 && Date.now() < end) await sleep(10)
    stop?.()
  },
}
await scenarios[scenario]()
process.stdout.write(JSON.stringify(done), () => process.exit(0))
