! Heat-bath sweeps one spin at a time, in double precision: the inner loop of today's atomistic spin codes, alone.
!
!     gfortran -O3 -march=native -ffast-math scalar_heatbath.f90 && ./a.out SIDE BONDS ENSEMBLES SWEEPS
!
! Laid out as those codes lay it out: x, y and z of a spin side by side, a row of couplings and of neighbours for every
! atom, exchange and DMI in lists of their own, atoms in a new random order at every sweep, ensembles innermost. Nothing
! else is done: no trial moves, averages, files or choices between terms. It prints million updates per second, the best
! of five runs. Square lattice of SIDE x SIDE; each atom has its BONDS nearest neighbours, each with exchange and DMI.
module sweeps_by_spin
   implicit none
   integer, parameter :: dp = kind(1d0)
   real(dp), parameter :: pi = acos(-1d0), beta = 2
   integer, allocatable :: exchange_with(:, :), dmi_with(:, :)
   real(dp), allocatable :: exchange(:, :), dmi(:, :, :), spins(:, :, :)
contains
   function field(atom, ensemble) result(b)
      integer, intent(in) :: atom, ensemble
      real(dp) :: b(3), s(3)
      integer :: j
      b = 0
      do j = 1, size(exchange_with, 1)
         b = b + exchange(j, atom)*spins(:, exchange_with(j, atom), ensemble)
      end do
      do j = 1, size(dmi_with, 1)
         s = spins(:, dmi_with(j, atom), ensemble)
         b(1) = b(1) + dmi(3, j, atom)*s(2) - dmi(2, j, atom)*s(3)
         b(2) = b(2) + dmi(1, j, atom)*s(3) - dmi(3, j, atom)*s(1)
         b(3) = b(3) + dmi(2, j, atom)*s(1) - dmi(1, j, atom)*s(2)
      end do
   end function

   ! A unit vector with density exp(beta b.s): its cosine by inversion, its azimuth uniform.
   function drawn(b) result(s)
      real(dp), intent(in) :: b(3)
      real(dp) :: s(3), along(3), across(3), u(2), strength, cosine, sine
      call random_number(u)
      strength = beta*norm2(b)
      along = b/norm2(b)
      cosine = max(-1d0, 1 + log(1 - u(1) + u(1)*exp(-2*strength))/strength)
      sine = sqrt(1 - cosine**2)
      if (abs(along(3)) < 0.7d0) then
         across = [along(2), -along(1), 0d0]
      else
         across = [0d0, along(3), -along(2)]
      end if
      across = across/norm2(across)
      s = cosine*along + sine*(cos(2*pi*u(2))*across + sin(2*pi*u(2))* &
         [along(2)*across(3) - along(3)*across(2), along(3)*across(1) - along(1)*across(3), &
          along(1)*across(2) - along(2)*across(1)])
   end function

   ! The nearest neighbours, ring after ring of squared distance; exchange 1/r^2, DMI a tenth of it, across the bond.
   subroutine prepare(side, bonds, ensembles)
      integer, intent(in) :: side, bonds, ensembles
      integer :: ring, dx, dy, x, y, found, atom
      found = 0
      allocate(exchange_with(bonds, side**2), exchange(bonds, side**2), dmi(3, bonds, side**2))
      do ring = 1, 2*side**2
         do dx = -side/2 + 1, side/2 - 1
            do dy = -side/2 + 1, side/2 - 1
               if (dx**2 + dy**2 /= ring .or. found == bonds) cycle
               found = found + 1
               do y = 0, side - 1
                  do x = 0, side - 1
                     atom = 1 + x + side*y
                     exchange_with(found, atom) = 1 + modulo(x + dx, side) + side*modulo(y + dy, side)
                     exchange(found, atom) = 1d0/ring
                     dmi(:, found, atom) = 0.1d0*[dy, -dx, 0]/ring
                  end do
               end do
            end do
         end do
         if (found == bonds) exit
      end do
      dmi_with = exchange_with
      allocate(spins(3, side**2, ensembles), source=sqrt(1/3d0))
   end subroutine

   subroutine sweep(order)
      integer, intent(inout) :: order(:)
      integer :: i, j, k, atom
      real(dp) :: u(size(order))
      call random_number(u)
      do i = 1, size(order)
         j = 1 + int(u(i)*size(order))
         atom = order(i)
         order(i) = order(j)
         order(j) = atom
      end do
      do i = 1, size(order)
         do k = 1, size(spins, 3)
            spins(:, order(i), k) = drawn(field(order(i), k))
         end do
      end do
   end subroutine
end module

program main
   use sweeps_by_spin
   implicit none
   integer :: given(4), i, run
   integer, allocatable :: order(:)
   integer(8) :: start, finish, second
   real(dp) :: best
   character(32) :: word
   do i = 1, 4
      call get_command_argument(i, word)
      read(word, *) given(i)
   end do
   call prepare(given(1), given(2), given(3))
   order = [(i, i=1, given(1)**2)]
   best = huge(best)
   do run = 1, 5
      call system_clock(start, second)
      do i = 1, given(4)
         call sweep(order)
      end do
      call system_clock(finish)
      best = min(best, real(finish - start, dp)/second)
   end do
   if (abs(norm2(spins(:, 1, 1)) - 1) > 1d-9) error stop "a spin lost its length"
   print '(f12.4)', 1d-6*size(spins)/3*given(4)/best
end program
