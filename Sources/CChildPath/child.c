#include "sp_child.h"
