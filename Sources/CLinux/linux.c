#include "sp_linux.h"
