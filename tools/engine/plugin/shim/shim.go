// Package shim opens the Docker provider's internal constructor: only a module
// whose path lies below the provider's may import its internal packages.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// Provider returns the Docker provider's schema and functions.
func Provider(version string) *schema.Provider {
	return provider.New(version)()
}
