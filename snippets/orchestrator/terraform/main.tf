# A VM with a GPU, made and started by Terraform or OpenTofu, with pve-hook as its hookscript.
#
# Detaching the GPU is not Terraform's job: the hook takes it when the VM starts, whoever starts it, and gives it back when
# the VM stops. All there is to do is to have the hook in the VM's configuration, and only root@pam may put it there, logged
# in with its password: PVE refuses every API token, also one of root's. Hence two ways:
#   - root_session = true: the provider logs in as root@pam and sets hook_script_file_id.
#   - root_session = false (a token): the VM is made and left off; then "pve-hook register" runs on the node by SSH, and
#     after it the VM is started.
# A VM cloned from a template inherits the hookscript of the template: pve-hook register TEMPLATE once, and a token does.
# But see whether your release of the provider takes an inherited hookscript off again (bpg/terraform-provider-proxmox#3083);
# it needs root for that, and fails.

terraform {
  required_version = ">= 1.4"
  required_providers {
    proxmox = {
      source  = "bpg/proxmox"
      version = "~> 0.60"
    }
  }
}

variable "node" {
  description = "Name of the PVE node, which is also where SSH goes"
  type        = string
}

variable "vm_id" {
  type    = number
  default = 111
}

variable "gpu_mapping" {
  description = "Datacenter, Resource Mappings, PCI: all functions of the card. A bare address needs root@pam, a mapping does not"
  type        = string
  default     = "gpu"
}

variable "root_session" {
  description = "Whether the provider is logged in as root@pam with its password"
  type        = bool
  default     = false
}

# Endpoint and login come from PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN, or PROXMOX_VE_USERNAME and PROXMOX_VE_PASSWORD.
provider "proxmox" {}

resource "proxmox_virtual_environment_vm" "gpu" {
  node_name = var.node
  vm_id     = var.vm_id
  name      = "gpu"
  machine   = "q35"
  bios      = "ovmf"

  cpu {
    cores = 8
    type  = "host"
  }

  memory {
    # A GPU reads and writes guest memory by itself, so all of it is pinned: no ballooning.
    dedicated = 16384
  }

  efi_disk {
    datastore_id = "local-lvm"
    type         = "4m"
  }

  disk {
    datastore_id = "local-lvm"
    interface    = "scsi0"
    size         = 64
  }

  network_device {
    bridge = "vmbr0"
  }

  hostpci {
    device  = "hostpci0"
    mapping = var.gpu_mapping
    pcie    = true
  }

  # The links in /var/lib/vz/snippets are made by the package on every node.
  hook_script_file_id = var.root_session ? "local:snippets/pve-hook" : null
  started             = var.root_session
  stop_on_destroy     = true

  lifecycle {
    # What pve-hook register and the start did is no drift.
    ignore_changes = [hook_script_file_id, started]
  }
}

resource "terraform_data" "registered" {
  count            = var.root_session ? 0 : 1
  triggers_replace = proxmox_virtual_environment_vm.gpu.id

  # May be run again: each of them finds what is done already.
  provisioner "local-exec" {
    command = <<-EOT
      ssh -o BatchMode=yes "root@$NODE" "pve-hook register $VMID && pve-hook check $VMID &&
        { qm status $VMID | grep -q running || qm start $VMID; }"
    EOT
    environment = {
      NODE = var.node
      VMID = var.vm_id
    }
  }
}
