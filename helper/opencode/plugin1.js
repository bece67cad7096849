// The part of plugin.js for OpenCode 1.

// giveWay removes our package-lock.json, which keeps OpenCode from installing a package, if the
// user's own plugins or tools may need that package. OpenCode then installs the package at its next
// start.
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
  } catch {} // the folder is not empty, so it may be the user's
}

// panel is a login method that shows text and stores nothing. `opencode auth login` shows
// instructions only for method "auto". The full screen closes these instructions as soon as the
// callback is done; with method "code" they stay open.
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

// The type is "oauth", because with type "api" OpenCode stores the typed key in its own file.
const auth = {
  provider: PROVIDER,
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
          // The label must not be a key, because it becomes an argument, which other programs can
          // see.
          validate: (label) => (/^\s*(sk-|oc_sk_)|\S{32}/i.test(label) ? "this looks like a key, which is asked for next" : undefined),
        },
      ],
      authorize: async (inputs) => ({
        url: "https://opencode.ai/auth",
        instructions: "Paste the account's key. It goes into the keychain, and not into OpenCode.",
        method: "code",
        callback: async (key) => {
          const { ok, text } = await addAccount(inputs?.label, key)
          if (ok) return { type: "success", key: PLACEHOLDER } // OpenCode wants to store something
          print(text)
          toast(text, "error")
          return { type: "failed" }
        },
      }),
    },
    panel("Manage accounts", async () => COMMANDS),
    panel("Account status", status),
  ],
}

// viaGateway is OpenCode 1's fetch for the provider. Without a gateway a request fails with the
// reason, and OpenCode does not retry it.
async function viaGateway(input, init) {
  let it
  try {
    it = await proven()
  } catch (e) {
    const error = { type: "error", error: { type: "AuthError", message: `ocgo-key: ${e.message}` } }
    return new Response(JSON.stringify(error), { status: 401, headers: { "content-type": "application/json" } })
  }
  const request = input instanceof Request ? input : undefined
  return fetch(aim(request?.url ?? input, it.base_url), {
    ...(request && { method: request.method, body: request.body, signal: request.signal, duplex: "half" }),
    ...init,
    headers: entitled(init?.headers ?? request?.headers, it.token),
  })
}

// server is the plugin of OpenCode 1.
async function server({ client, directory }) {
  if (second()) return {}
  const hooks = {
    auth,
    "shell.env": async (input, output) => {
      if (input.sessionID) output.env.OCGO_KEY_AGENT_SHELL = "1"
    },
  }
  if (underRun()) return hooks // `ocgo-key run` has configured everything
  shared.args = ["gateway", "--parent-pipe"]
  shared.folder ??= directory // of the first project: a server with several projects uses one account for all
  shared.clients.add(client)
  hooks.dispose = async () => {
    shared.clients.delete(client)
  }
  hooks.config = async (config) => {
    for (const folder of PREPARED) {
      try {
        giveWay(folder)
      } catch {} // without the file OpenCode only starts more slowly
    }
    exempt()
    gateway().catch(() => {}) // start it early, so that the first request does not wait
    if (gone()) return
    config.provider ??= {}
    const provider = (config.provider[PROVIDER] ??= {})
    provider.options = { ...provider.options, baseURL: NOWHERE, apiKey: PLACEHOLDER, fetch: viaGateway }
  }
  return hooks
}
