// Sends pi's requests for the provider opencode-go to the gateway of `ocgo-key run`. The token is in
// a header of its own, which no stored login replaces.
export default function (pi) {
  pi.registerProvider("opencode-go", {
    baseUrl: process.env.OPENCODE_BASE_URL,
    headers: { "x-ocgo-key-token": process.env.OCGO_KEY_GATEWAY_TOKEN },
  })
}
