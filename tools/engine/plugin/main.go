// The Docker resource plugin for the Pulumi engine, put together from its two
// public parts: the bridge and the provider that it bridges.
package main

import (
	_ "embed"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

// Version is the release of the plugin that these parts stand for.
const Version = "5.2.0"

//go:embed schema.json
var schema []byte

func resource(module, name string) tokens.Type {
	return tokens.Type("docker:index/" + module + ":" + name)
}

func defaultHost() string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return host
	}
	return "unix:///var/run/docker.sock"
}

func provider() tfbridge.ProviderInfo {
	kept := func(field string) *tfbridge.SchemaInfo { return &tfbridge.SchemaInfo{Name: field} }
	return tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(shim.Provider(Version)),
		Name:    "docker",
		Version: Version,
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {Default: &tfbridge.DefaultInfo{Value: defaultHost()}},
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_container": {
				Tok:                 resource("container", "Container"),
				DeleteBeforeReplace: true,
				Fields: map[string]*tfbridge.SchemaInfo{
					"command":           kept("command"),
					"networks_advanced": kept("networksAdvanced"),
				},
			},
			"docker_image": {
				Tok:    resource("remoteImage", "RemoteImage"),
				Fields: map[string]*tfbridge.SchemaInfo{"name": kept("name")},
			},
			"docker_network": {Tok: resource("network", "Network")},
			"docker_volume":  {Tok: resource("volume", "Volume")},
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"docker_network": {Tok: tokens.ModuleMember("docker:index/getNetwork:getNetwork")},
		},
		IgnoreMappings: []string{
			"docker_registry_image", "docker_service", "docker_config", "docker_secret", "docker_plugin",
			"docker_tag", "docker_buildx_builder", "docker_image",
		},
	}
}

func main() {
	tfbridge.Main("docker", Version, provider(), schema)
}
